/** Real: the log storage with its thread and file. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openConnection } from '../sqlite/connection.ts';
import { type NewLog, openTelemetry, type StoredLog, type TelemetryOptions } from './open-telemetry.ts';
import { TelemetryStore } from './telemetry-store.ts';

function line(log: string, more: Partial<NewLog> = {}): NewLog {
  return { context: 'app', logtype: 'log', log, time: 1_000, ...more };
}

test('lines are listed newest first, by space, context, type and text', async () => {
  await using opened = await openTemporary();
  const { telemetry } = opened;
  telemetry.appendLogs('a', [line('one'), line('Two', { context: 'worker' }), line('three', { logtype: 'error' })]);
  telemetry.appendLogs('b', [line('other')]);
  const list = async (query: object) =>
    (await telemetry.listLogs({ spaceId: 'a', limit: 10, ...query })).map(({ log }) => log);
  assert.deepEqual(await list({}), ['three', 'Two', 'one']);
  assert.deepEqual(await list({ limit: 2 }), ['three', 'Two']);
  assert.deepEqual(await list({ context: 'worker' }), ['Two']);
  assert.deepEqual(await list({ logtype: 'error' }), ['three']);
  assert.deepEqual(await list({ filter: 'tW' }), ['Two']);
  assert.deepEqual(await list({ spaceId: 'b' }), ['other']);
  const [newest] = await telemetry.listLogs({ spaceId: 'a', limit: 1 });
  assert.deepEqual(await list({ beforeId: newest!.id }), ['Two', 'one']);
});

test('followers get lines as they come until they leave', async () => {
  await using opened = await openTemporary();
  const seen: StoredLog[] = [];
  const leave = opened.telemetry.onLog((entry) => seen.push(entry));
  opened.telemetry.appendLogs('a', [line('one', { time: 5 })]);
  leave();
  opened.telemetry.appendLogs('a', [line('two')]);
  assert.deepEqual(seen, [{ id: 1, spaceId: 'a', timeMs: 5, context: 'app', logtype: 'log', log: 'one' }]);
});

test('lines and their numbers go on after the storage was opened again', async () => {
  await using opened = await openTemporary();
  opened.telemetry.appendLogs('a', [line('one')]);
  const telemetry = await opened.reopen();
  telemetry.appendLogs('a', [line('two')]);
  const lines = await telemetry.listLogs({ spaceId: 'a', limit: 10 });
  assert.deepEqual(
    lines.map(({ id, log }) => [id, log]),
    [
      [2, 'two'],
      [1, 'one'],
    ],
  );
});

test('a space can be removed, and long lines are cut', async () => {
  await using opened = await openTemporary();
  const { telemetry } = opened;
  telemetry.appendLogs(
    'a',
    Array.from({ length: 2_500 }, (_, n) => line(`${n}`)),
  );
  telemetry.appendLogs('b', [line('x'.repeat(200_000))]);
  await telemetry.removeSpace('a');
  assert.deepEqual(await telemetry.listLogs({ spaceId: 'a', limit: 10 }), []);
  const [long] = await telemetry.listLogs({ spaceId: 'b', limit: 10 });
  assert.equal(long?.log.length, 65_537);
});

test('an app that logs faster than it can be stored loses lines, and a line says how many', async () => {
  await using opened = await openTemporary();
  const { telemetry } = opened;
  telemetry.appendLogs(
    'a',
    Array.from({ length: 25_000 }, (_, n) => line(`${n}`)),
  );
  const [last] = await telemetry.listLogs({ spaceId: 'a', limit: 1 });
  assert.equal(last?.log, '5000 lines were dropped: they came faster than they could be stored');
});

test('what is too old, and what is too much, is removed oldest first', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-telemetry-'));
  const connection = openConnection({ path: join(directory, 'telemetry.db'), synchronous: 'NORMAL' });
  const maxBytes = 600_000;
  const store = new TelemetryStore(connection, { retentionMs: 1_000, maxBytes });
  const rows = Array.from({ length: 4_000 }, (_, n) => ({
    ...line('x'.repeat(250)),
    id: n + 1,
    spaceId: 'a',
    timeMs: n < 500 ? 0 : 10_000,
  }));
  store.append(rows);
  while (store.removeOld(10_500));
  const [list] = [[...collect(store.list({ spaceId: 'a', limit: 10_000 }))]];
  assert.ok(list.length > 0 && list.length < 3_500);
  assert.equal(list[0]?.id, 4_000);
  store.close();
  await rm(directory, { recursive: true, force: true });
});

function collect(steps: Generator<void, StoredLog[], void>): StoredLog[] {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

async function openTemporary(options: Partial<TelemetryOptions> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-telemetry-'));
  let telemetry = await openTelemetry({ directory, ...options });
  return {
    get telemetry() {
      return telemetry;
    },
    async reopen() {
      await telemetry[Symbol.asyncDispose]();
      telemetry = await openTelemetry({ directory, ...options });
      return telemetry;
    },
    async [Symbol.asyncDispose]() {
      await telemetry[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
