// What is left when a gateway dies without a word. Real: a gateway process (only its sandbox), killed; its Deno processes.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../conformance/harness.ts';
import { openDenoSandbox } from './open-deno-sandbox.ts';
import { removeStaleRuns } from './run-directory.ts';

const abiModule = fileURLToPath(new URL('../testing/echo-abi.ts', import.meta.url));
const cacheDir = join(tmpdir(), 'tackle-test-runtime');

/** Starts an app that loops as soon as it runs, tells where, and waits to be killed. */
const gatewayCode = `
  import { openDenoSandbox } from ${JSON.stringify(new URL('./open-deno-sandbox.ts', import.meta.url).href)};
  const [, isolation, cacheDir, abiModule] = process.argv;
  const sandbox = await openDenoSandbox({ isolation, cacheDir, abiModule, spares: 0 });
  const app = await sandbox.start({
    label: 'a', code: 'globalThis.__tackleExports = { task: async () => { console.log(globalThis.Deno.args[0]); setTimeout(() => { for (;;); }, 20); await new Promise(() => {}); } }',
    env: {}, limits: { memoryMb: 128, evaluationTimeoutMs: 5000 }, egress: { allowedCidrs: [], deniedPorts: [] },
    host: { call: async () => null }, onLog: ({ log }) => console.log(log),
  });
  app.run({ kind: 'job', name: '', input: null }, { timeoutMs: 60000 }).catch(() => {});
`;

for (const isolation of ['strongest', 'deno'] as const) {
  test(`a gateway that is killed leaves neither processes nor files for long (${isolation})`, async () => {
    const gateway = spawn(
      process.execPath,
      ['--input-type=module', '-e', gatewayCode, isolation, cacheDir, abiModule],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [socketPath] = (await once(createInterface({ input: gateway.stdout }), 'line')) as [string];
    const runDirectory = join(socketPath, '../..');
    assert.ok(existsSync(runDirectory));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const exited = once(gateway, 'exit');
    assert.ok(gateway.kill('SIGKILL'), 'the gateway was still there');
    await exited;
    await removeStaleRuns();
    assert.ok(!existsSync(runDirectory));
    await eventually(() => !isRunning(runDirectory), 'no process of the dead gateway runs');
  });
}

test('a sandbox that is closed leaves nothing, and does not touch that of a living gateway', async () => {
  const other = await openDenoSandbox({ cacheDir, abiModule, spares: 1 });
  const sandbox = await openDenoSandbox({ cacheDir, abiModule, spares: 1 });
  await removeStaleRuns();
  await sandbox[Symbol.asyncDispose]();
  await using app = await other
    .start({
      label: 'a',
      code: 'globalThis.__tackleExports = {}',
      env: {},
      limits: { memoryMb: 256, evaluationTimeoutMs: 5000 },
      egress: { allowedCidrs: [], deniedPorts: [] },
      host: { call: async () => null },
      onLog: () => {},
    })
    .then((process) => ({ process, [Symbol.asyncDispose]: async () => void (await process.stop(0)) }));
  assert.equal(app.process.active, 0);
  await other[Symbol.asyncDispose]();
});

function isRunning(text: string): boolean {
  return execFileSync('ps', ['-axww', '-o', 'command=']).toString().includes(`${text}/`);
}
