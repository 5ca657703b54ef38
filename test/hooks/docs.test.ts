/** The page "Hooks in five minutes" and the example pack do what they say: their code runs in the real engine. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadHookConfig } from '../../src/hooks/config/hook-config.ts';
import { createFileLogger } from '../../src/hooks/logging/logger.ts';
import { installPack } from '../../src/hooks/packs/install-pack.ts';
import { createTestHome, startEngine } from './support.ts';

const root = path.join(import.meta.dirname, '../..');

test('the code on the page runs and shows each habit', async (t) => {
  const page = readFileSync(path.join(root, 'docs/hooks.md'), 'utf8');
  const blocks = new Map(
    [...page.matchAll(/```ts run=(\w+)\n([\s\S]*?)```/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );
  assert.deepEqual([...blocks.keys()], ['hello', 'light', 'errors', 'filter']);
  const home = createTestHome(t);
  const hookFile = /```markdown\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  for (const [name, handler] of blocks) {
    const md = name === 'hello' ? hookFile : `---\nname: ${name}\nmetadata: {"openclaw":{"events":["command"]}}\n---\n`;
    home.hook(name, { md, files: { 'handler.ts': handler } });
  }
  const engine = await startEngine(t, home);
  const outFile = path.join(home.home, 'out.txt');
  const { runs, messages } = await engine.emit('command', 'new', 'agent:main:main', { outFile });
  assert.deepEqual(
    runs.map((run) => run.outcome),
    ['ok', 'ok', 'ok', 'ok'],
  );
  assert.deepEqual(messages, ['only for /new', 'Hello from my-hook']);
  assert.match(runs.find((run) => run.hook === 'errors')?.logs ?? '', /failed: nothing to do for new/);
  // The file is there a moment before its text.
  while (!existsSync(outFile) || readFileSync(outFile, 'utf8') === '') await delay(10);
  assert.equal(readFileSync(outFile, 'utf8'), 'done in the background\n');
  const stop = await engine.emit('command', 'stop', 'agent:main:main', { outFile });
  assert.deepEqual(stop.messages, []);
});

test('the example pack installs and runs, one hook of it in the sandbox', async (t) => {
  const home = createTestHome(t);
  const config = loadHookConfig({ env: home.env });
  const installed = await installPack(path.join(root, 'examples/hooks-pack'), {}, { config });
  assert.deepEqual(installed.hooks, ['daily-note', 'boxed-notes']);
  const engine = await startEngine(t, home);
  assert.equal(engine.info('boxed-notes')?.reach.isolation, 'sandbox');
  const emit = () =>
    engine.emit(
      'command',
      'new',
      'agent:main:main',
      { workspaceDir: home.workspace },
      { timestamp: new Date('2026-01-16T14:30:00Z') },
    );
  assert.deepEqual((await emit()).messages, ['This is session number 1.']);
  assert.deepEqual((await emit()).messages, ['This is session number 2.']);
  const note = readFileSync(path.join(home.workspace, 'notes/2026-01-16.md'), 'utf8');
  assert.equal(note, '- 14:30 new session (agent:main:main)\n'.repeat(2));
});

test('the log file is where the original’s users look, one clean line each, and clawlog.sh shows it', async (t) => {
  const home = createTestHome(t);
  const logger = createFileLogger(path.join(home.state, 'gateway.log'), () => new Date(0));
  logger.info('hooks:loader', 'Registered hook: a -> command:new');
  logger.error('hooks', 'forged\u001b[31m\nline');
  await logger.flush();
  const expected =
    '1970-01-01T00:00:00.000Z info [hooks:loader] Registered hook: a -> command:new\n1970-01-01T00:00:00.000Z error [hooks] forged line\n';
  const env = home.env as NodeJS.ProcessEnv;
  assert.equal(execFileSync(path.join(root, 'scripts/clawlog.sh'), { env, encoding: 'utf8' }), expected);
});
