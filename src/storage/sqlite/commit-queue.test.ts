/** Real: the queue. Nothing runs behind it: batches are taken by the test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WriterLane } from '../../ports/storage.ts';
import { CommitQueue } from './commit-queue.ts';

const roomy = { commits: 100_000, bytes: 1e9 };
const system: WriterLane = { lane: 'system' };
const space = (name: string): WriterLane => ({ lane: 'space', space: name });

function commit(id: number, text = '') {
  return { id, commands: [{ kind: 'record.put', type: 't', key: text, value: 1, expect: 'any' } as const] };
}

test('spaces take turns, each in its own order', () => {
  const queue = new CommitQueue({ space: roomy, system: roomy });
  for (let id = 0; id < 5; id += 1) queue.add(space('a'), commit(id));
  queue.add(space('b'), commit(10));
  queue.add(space('c'), commit(20));
  assert.deepEqual(
    queue.takeBatch(512).map(({ id }) => id),
    [0, 10, 20, 1, 2, 3, 4],
  );
  assert.ok(queue.isEmpty);
});

test('half of a batch is for the system while it waits, and all of it when nobody else does', () => {
  const queue = new CommitQueue({ space: roomy, system: roomy });
  for (let id = 0; id < 1_000; id += 1) queue.add(space('a'), commit(id));
  for (let id = 0; id < 1_000; id += 1) queue.add(system, commit(10_000 + id));
  const isSystem = ({ id }: { id: number }): boolean => id >= 10_000;
  assert.equal(queue.takeBatch(512).filter(isSystem).length, 256);
  const rest = new CommitQueue({ space: roomy, system: roomy });
  for (let id = 0; id < 600; id += 1) rest.add(system, commit(id));
  assert.equal(rest.takeBatch(512).length, 512);
});

test('a batch is bounded in bytes, but one large commit always goes', () => {
  const queue = new CommitQueue({ space: roomy, system: roomy });
  const sizes = [300_000, 900_000, 5_000_000];
  for (const [id, size] of sizes.entries()) queue.add(space('a'), commit(id, 'x'.repeat(size)));
  assert.deepEqual([queue.takeBatch(512).length, queue.takeBatch(512).length], [2, 1]);
});

test('a full lane refuses its own commits only', () => {
  const queue = new CommitQueue({ space: { commits: 2, bytes: 10_000 }, system: { commits: 1, bytes: 1e9 } });
  queue.add(space('a'), commit(1));
  queue.add(space('a'), commit(2));
  assert.throws(() => queue.add(space('a'), commit(3)), { code: 'overloaded', message: /space "a"/ });
  queue.add(space('b'), commit(4, 'x'.repeat(50_000)));
  assert.throws(() => queue.add(space('b'), commit(5)), { code: 'overloaded' });
  queue.add(system, commit(6));
  assert.throws(() => queue.add(system, commit(7)), { code: 'overloaded' });
  assert.equal(queue.takeAll().length, 4);
  queue.add(space('a'), commit(8));
});
