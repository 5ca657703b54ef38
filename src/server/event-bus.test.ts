// The real bus; apps and hooks are recorders.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AppEvents } from '../events/publish-event.ts';
import type { HookEventInput } from '../gateway/api/services.ts';
import { publishToAll } from './event-bus.ts';

function createBus() {
  const heard: HookEventInput[] = [];
  const appEvents = new AppEvents({ listApps: () => [], enqueue: async () => undefined, clock: Date });
  const hooks = {
    engine: null,
    start: () => undefined,
    stop: async () => undefined,
    publish: async (event: HookEventInput) => {
      heard.push(event);
      return null;
    },
  };
  return { heard, listeners: { appEvents, hooks } };
}

const data = { workspaceDir: '/etc', cfg: {}, previousSessionEntry: { sessionFile: '/etc/passwd' }, text: 'hello' };
const event = { key: 'command:new', sessionKey: 's', data, hops: 0 };

it('an app cannot tell hooks where to read and write', async () => {
  const { heard, listeners } = createBus();
  await publishToAll(listeners, { ...event, source: 'app/shop/dev' });
  assert.deepEqual(heard[0]?.context, { text: 'hello' });
});

it('whoever holds an admin token can', async () => {
  const { heard, listeners } = createBus();
  await publishToAll(listeners, { ...event, source: 'api' });
  assert.deepEqual(heard[0]?.context, data);
});
