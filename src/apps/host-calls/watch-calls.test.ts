// The host calls of change feeds. Real: feeds and queries. Fake: where the changes come from, and the process that calls.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChangeSource, CollectionNews } from '../../ports/storage/changes.ts';
import type { AppVersion } from '../deployment.ts';
import { createWatchCalls } from './watch-calls.ts';

type Context = Parameters<ReturnType<ReturnType<typeof createWatchCalls>>['calls'][string]>[2];
const background: Context = { invocation: null, signal: new AbortController().signal };

function createSource() {
  const listeners = new Set<(news: CollectionNews) => void>();
  const source: ChangeSource = {
    async watch(_collection, listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const insert = (document: object) => {
    const news: CollectionNews = { kind: 'changes', changes: [{ before: null, after: JSON.stringify(document) }] };
    for (const listener of [...listeners]) listener(news);
  };
  return {
    source,
    listeners,
    insert,
    gap(reason: string) {
      for (const tell of [...listeners]) tell({ kind: 'gap', reason });
    },
  };
}

function start() {
  const made = createSource();
  const process = createWatchCalls(made.source)();
  const call = async (method: string, params: Record<string, unknown>, context = background) => {
    const answer = await process.calls[`documents.${method}`]!('space', params, context, {} as AppVersion);
    return answer !== null && typeof answer === 'object' && 'rawJson' in answer
      ? JSON.parse(answer.rawJson as string)
      : answer;
  };
  const watch = async (filter: object = {}, context = background): Promise<number> =>
    (await call('watch', { collection: 'things', filter }, context)).watchId;
  return { ...made, process, call, watch };
}

describe('change feeds of a process', () => {
  it('answer what waits at once, what comes later then, and null after the end', async () => {
    const { call, watch, insert } = start();
    const watchId = await watch();
    insert({ n: 1 });
    insert({ n: 2 });
    assert.deepEqual(await call('nextChanges', { watchId }), [
      { type: 'insert', document: { n: 1 } },
      { type: 'insert', document: { n: 2 } },
    ]);
    const later = call('nextChanges', { watchId });
    await assert.rejects(call('nextChanges', { watchId }), { code: 'invalid_request' });
    insert({ n: 3 });
    assert.equal((await later).length, 1);
    const last = call('nextChanges', { watchId });
    await call('unwatch', { watchId });
    assert.equal(await last, null);
    assert.equal(await call('nextChanges', { watchId }), null);
  });

  it('wait on when what changes does not match', async () => {
    const { call, watch, insert } = start();
    const watchId = await watch({ n: { $gt: 1 } });
    const waiting = call('nextChanges', { watchId });
    insert({ n: 1 });
    insert({ n: 2 });
    assert.deepEqual(await waiting, [{ type: 'insert', document: { n: 2 } }]);
  });

  it('leave nothing behind when the process ends, and when their request is given up', async () => {
    const { process, watch, call, listeners } = start();
    const request = new AbortController();
    const invocation = { id: 2, kind: 'request', context: null };
    const watchId = await watch({}, { invocation, signal: request.signal });
    const waiting = call('nextChanges', { watchId });
    request.abort();
    assert.equal(await waiting, null);
    assert.equal(listeners.size, 0);
    await watch();
    await watch();
    assert.equal(listeners.size, 2);
    process.end();
    assert.equal(listeners.size, 0);
    await watch();
    assert.equal(listeners.size, 0);
  });

  it('end with an error when changes were missed, or pile up', async () => {
    const { call, watch, insert, gap, listeners } = start();
    const first = await watch();
    gap('The collection was dropped');
    await assert.rejects(call('nextChanges', { watchId: first }), { code: 'conflict', message: /was dropped/ });
    const second = await watch();
    for (let count = 0; count < 10_001; count += 1) insert({ count });
    assert.equal(listeners.size, 0);
    await assert.rejects(call('nextChanges', { watchId: second }), {
      code: 'conflict',
      message: /as fast as they came/,
    });
  });

  it('are bounded, and refuse queries that cannot be read', async () => {
    const { watch } = start();
    await assert.rejects(watch({ $where: '1' }), { code: 'invalid_query' });
    for (let count = 0; count < 200; count += 1) await watch();
    await assert.rejects(watch(), { code: 'quota_exceeded' });
  });
});
