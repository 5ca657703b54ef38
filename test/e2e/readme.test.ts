// The tour of README.md, command by command, in one shell, against a real gateway. Only the port differs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

describe('the tour of the README', () => {
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.stop());

  it('puts a webhook receiver live, sends it a signed webhook and reads it back', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] as string);
    assert.ok(blocks.length >= 5, 'the README has no tour');
    const script = blocks
      .map((block, index) => `printf '\\n--- %s\\n' ${index}\n${block}`)
      .join('\n')
      .replaceAll('localhost:3011', `localhost:${gateway.port}`);
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: root,
      env: { ...process.env, TACKLE_HOME: gateway.home },
    });
    const output = stdout.split(/^--- \d+\n/m).slice(1);
    const partWith = (text: string) => output[blocks.findIndex((block) => block.includes(text))] as string;
    assert.match(partWith('tackle deploy'), /Version 1 is live/);
    assert.equal(JSON.parse(partWith('openssl dgst')).received, true);
    assert.match(partWith('http_code'), /^401$/m);
    assert.match(partWith('tackle query'), /"type": "pull_request"/);
    assert.match(partWith('tackle info'), /curl .*x-apikey/s);
  });
});
