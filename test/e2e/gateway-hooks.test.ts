// Real gateway over a home with hooks in directories; events come from the gateway itself and over the API.
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callApi, makeTemporaryDirectory } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const hookFile = (events: string) => `---
name: recorder
description: "Writes what it hears"
metadata: {"openclaw":{"events":${events}}}
---
# recorder
`;

const handlerFile = `import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';

export default async function handler(event: { type: string; action: string; context: any; messages: string[] }) {
  const heard = { key: event.type + ':' + event.action, workspaceDir: event.context.workspaceDir, reason: event.context.reason };
  await appendFile(join(process.env.RECORDER_DIR as string, 'heard.jsonl'), JSON.stringify(heard) + '\\n');
  event.messages.push('heard ' + heard.key);
}
`;

async function waitFor<Value>(read: () => Promise<Value>, accept: (value: Value) => boolean): Promise<Value> {
  for (let tries = 0; tries < 100; tries += 1) {
    const value = await read();
    if (accept(value)) return value;
    await delay(50);
  }
  return assert.fail('it did not happen within 5 s');
}

describe('hooks in a gateway', () => {
  let home: string;
  let gateway: GatewayProcess;
  const heard = async (): Promise<{ key: string; workspaceDir?: string; reason?: string }[]> =>
    (await readFile(join(home, 'heard.jsonl'), 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  before(async () => {
    home = await makeTemporaryDirectory('hooks');
    await mkdir(join(home, 'hooks/recorder'), { recursive: true });
    await writeFile(
      join(home, 'hooks/recorder/HOOK.md'),
      hookFile('["gateway:startup","gateway:shutdown","command:new"]'),
    );
    await writeFile(join(home, 'hooks/recorder/handler.ts'), handlerFile);
    gateway = await startGateway({ home, env: { RECORDER_DIR: home } });
  });
  after(async () => {
    await gateway.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('stay out of memory until they are switched on, and then start without a restart', async () => {
    const refused = await callApi(gateway, 'POST', '/events', { event: 'command:new' });
    assert.equal(refused.status, 409);
    await writeFile(join(home, 'openclaw.json'), '{ hooks: { internal: { enabled: true } } } // switched on');
    const events = await waitFor(heard, (list) => list.length > 0);
    assert.deepEqual(events, [{ key: 'gateway:startup', workspaceDir: join(home, 'workspace') }]);
    const log = await readFile(join(home, 'gateway.log'), 'utf8');
    assert.match(log, /Registered hook: recorder -> gateway:startup, gateway:shutdown, command:new/);
  });
  it('hear events from the API, whose caller gets their messages', async () => {
    const answer = await callApi(gateway, 'POST', '/events', { event: 'command:new', dedupeKey: 'once' });
    assert.equal(answer.status, 202, answer.text);
    assert.deepEqual(answer.json().messages, ['heard command:new']);
    const again = await callApi(gateway, 'POST', '/events', { event: 'command:new', dedupeKey: 'once' });
    assert.equal(again.json().duplicateOf, answer.json().eventId);
    assert.equal((await callApi(gateway, 'POST', '/events', { event: 'nonsense' })).status, 400);
  });
  it('are told when the gateway stops', async () => {
    await gateway.stop();
    const last = (await heard()).at(-1);
    assert.equal(last?.key, 'gateway:shutdown');
    assert.equal(last?.reason, 'the gateway stops');
  });
});
