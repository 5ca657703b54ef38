// What the gateway keeps of point reads, on the real engine with its threads. Nothing is fake.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { CollectionRef } from '../../ports/storage/documents.ts';
import type { Command, Storage } from '../../ports/storage.ts';
import { KeptReads } from './kept-reads.ts';
import { openTemporaryStorage, type TemporaryStorage } from './testing/temporary-storage.ts';

let temporary: TemporaryStorage;
let spaces = 0;

before(async () => {
  temporary = await openTemporaryStorage();
});
after(() => temporary[Symbol.asyncDispose]());

const ids = ['a', 'b', 'c'];
const lane = { lane: { lane: 'system' } } as const;

/** Counts every write of a document; what was removed counts as one step as well. */
class Ledger {
  readonly #storage: Storage;
  readonly #ref: CollectionRef;
  /** Per id: the number of the last write that was asked for, and of the last that was acknowledged. */
  readonly #asked = new Map<string, number>();
  readonly #acknowledged = new Map<string, number>();
  readonly #present = new Map<string, ReadonlySet<number>>();

  constructor(storage: Storage, ref: CollectionRef) {
    this.#storage = storage;
    this.#ref = ref;
  }

  /** Writes are asked for in an order and committed in it. */
  async write(id: string, how: 'put' | 'remove' | 'drop' | 'refused'): Promise<void> {
    const concerned = how === 'drop' ? ids : [id];
    if (how === 'refused') {
      const refused = this.#storage.commit(
        [
          { kind: 'document.remove', ...this.#ref, targets: [{ id }], mode: 'first' },
          { kind: 'document.expect', ...this.#ref, id, revision: -1 },
        ],
        lane,
      );
      await assert.rejects(refused);
      return;
    }
    const numbers = new Map<string, number>();
    for (const one of concerned) {
      const number = (this.#asked.get(one) ?? 0) + 1;
      this.#asked.set(one, number);
      numbers.set(one, number);
      if (how === 'put') this.#present.set(one, new Set([...(this.#present.get(one) ?? []), number]));
    }
    await this.#commit(id, how, numbers.get(id) ?? 0);
    for (const [one, number] of numbers) {
      this.#acknowledged.set(one, Math.max(number, this.#acknowledged.get(one) ?? 0));
    }
  }

  async read(id: string): Promise<void> {
    const least = this.#acknowledged.get(id) ?? 0;
    const kept = this.#storage.readKept?.({ kind: 'document.get', ...this.#ref, id });
    if (kept !== undefined) this.#check(id, least, kept);
    this.#check(id, least, await this.#storage.read({ kind: 'document.get', ...this.#ref, id }));
  }

  #check(id: string, least: number, found: { readonly json: string } | null): void {
    const most = this.#asked.get(id) ?? 0;
    const present = this.#present.get(id) ?? new Set();
    if (found !== null) {
      const { n } = JSON.parse(found.json) as { n: number };
      assert.ok(n >= least && n <= most, `${id}: read ${n}, acknowledged ${least}, asked for ${most}`);
      return;
    }
    // Nothing is there: some write since the last one that was acknowledged removed it.
    let mayBeGone = least === 0;
    for (let number = least; number <= most; number += 1) mayBeGone ||= !present.has(number);
    assert.ok(mayBeGone, `${id}: nothing read, acknowledged ${least}, asked for ${most}`);
  }

  async #commit(id: string, how: 'put' | 'remove' | 'drop', n: number): Promise<void> {
    const ref = this.#ref;
    if (how === 'drop') await this.#storage.commit([{ kind: 'collection.drop', ...ref }], lane);
    else if (how === 'remove') {
      await this.#storage.commit([{ kind: 'document.remove', ...ref, targets: [{ id }], mode: 'first' }], lane);
    } else {
      const change = { type: 'replace', body: JSON.stringify({ n }) } as const;
      const upsert = { id, filter: { kind: 'and', filters: [] } } as const;
      await this.#storage.commit(
        [{ kind: 'document.write', ...ref, targets: [{ id }], mode: 'first', change, upsert }],
        lane,
      );
    }
  }
}

const step = fc.record({
  id: fc.constantFrom(...ids),
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constant('read' as const) },
    { weight: 4, arbitrary: fc.constant('put' as const) },
    { weight: 1, arbitrary: fc.constantFrom('remove' as const, 'drop' as const, 'refused' as const) },
  ),
  /** Whether the client waits for the answer before its next step. */
  waits: fc.boolean(),
});

describe('point reads that are kept in memory', () => {
  test('never show less than what was acknowledged when the read began, nor what nobody wrote', async () => {
    const clients = fc.array(fc.array(step, { maxLength: 30 }), { minLength: 2, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(clients, async (scripts) => {
        spaces += 1;
        const ledger = new Ledger(temporary.storage, { space: `s${spaces}`, collection: 'c' });
        await Promise.all(
          scripts.map(async (script) => {
            const open: Promise<void>[] = [];
            for (const { id, what, waits } of script) {
              const done = what === 'read' ? ledger.read(id) : ledger.write(id, what);
              open.push(done);
              done.catch(() => undefined);
              if (waits) await done;
            }
            await Promise.all(open);
          }),
        );
        for (const id of ids) await ledger.read(id);
      }),
      { numRuns: 150 },
    );
  });

  test('a second read finds the document in memory, and a write takes it away before it is accepted', async () => {
    const { storage } = temporary;
    const ref = { space: 'kept', collection: 'c' };
    await storage.commit([{ kind: 'document.insert', ...ref, documents: [{ id: 'a', body: '{"n":1}' }] }], lane);
    assert.equal(storage.readKept({ kind: 'document.get', ...ref, id: 'a' }), undefined);
    const read = await storage.read({ kind: 'document.get', ...ref, id: 'a' });
    assert.deepEqual(storage.readKept({ kind: 'document.get', ...ref, id: 'a' }), read);
    const removed = storage.commit([{ kind: 'document.remove', ...ref, targets: [{ id: 'a' }], mode: 'first' }], lane);
    assert.equal(storage.readKept({ kind: 'document.get', ...ref, id: 'a' }), undefined);
    await removed;
    assert.equal(await storage.read({ kind: 'document.get', ...ref, id: 'a' }), null);
  });

  test('what expires, and what a cap may remove, is read each time', async () => {
    const { storage } = temporary;
    const expiring = { space: 'expiring', collection: 'c' };
    const capped = { space: 'capped', collection: 'c' };
    const expiresAtMs = Date.now() + 60_000;
    await storage.commit(
      [
        { kind: 'document.insert', ...expiring, documents: [{ id: 'a', body: '{}', expiresAtMs }] },
        { kind: 'collection.put', ...capped, cap: 10 },
        { kind: 'document.insert', ...capped, documents: [{ id: 'a', body: '{}' }] },
      ],
      lane,
    );
    for (const ref of [expiring, capped]) {
      assert.notEqual(await storage.read({ kind: 'document.get', ...ref, id: 'a' }), null);
      assert.equal(storage.readKept({ kind: 'document.get', ...ref, id: 'a' }), undefined);
    }
  });

  test('a file that is replaced or removed is not found in memory any more', async () => {
    const { storage } = temporary;
    const file = {
      path: '/a',
      hash: 'h1',
      sizeBytes: 1,
      contentType: 'text/plain',
      origin: 'app',
      modifiedAtMs: 1,
    } as const;
    const ask = { kind: 'file.get', space: 'files', path: '/a' } as const;
    await storage.commit([{ kind: 'file.put', space: 'files', file, maxSpaceBytes: null }], lane);
    assert.deepEqual(await storage.read(ask), file);
    assert.deepEqual(storage.readKept(ask), file);
    await storage.commit(
      [{ kind: 'file.put', space: 'files', file: { ...file, hash: 'h2' }, maxSpaceBytes: null }],
      lane,
    );
    assert.equal((await storage.read(ask))?.hash, 'h2');
    await storage.commit([{ kind: 'file.remove', space: 'files', path: '/a' }], lane);
    assert.equal(storage.readKept(ask), undefined);
    assert.equal(await storage.read(ask), null);
  });
});

const keptStep = fc.record({
  what: fc.constantFrom(
    'begin read',
    'end read',
    'end read',
    'end write',
    'remove',
    'drop',
    'apply',
    'report',
    'family',
  ),
  space: fc.constantFrom('s', 't'),
  collection: fc.constantFrom('c', 'd'),
  id: fc.constantFrom('a', 'b'),
  at: fc.nat(5),
});

const keptGroups = ['s', 't'].flatMap((space) => ['c', 'd'].map((collection) => `d\0${space}\0${collection}`));

/** A number for each document, which every write that reaches it raises. */
class Versions {
  readonly #numbers = new Map<string, number>();

  current(group: string, id: string): number {
    return this.#numbers.get(`${group}\0${id}`) ?? 0;
  }

  raise(reaches: string): void {
    for (const group of keptGroups) {
      for (const id of ['a', 'b']) {
        const key = `${group}\0${id}`;
        if (key.startsWith(reaches)) this.#numbers.set(key, (this.#numbers.get(key) ?? 0) + 1);
      }
    }
  }

  check(kept: KeptReads): void {
    for (const group of keptGroups) {
      for (const id of ['a', 'b']) {
        const found = kept.find(group, id) as { n: number } | undefined;
        if (found !== undefined) assert.equal(found.n, this.current(group, id));
      }
    }
  }
}

/** A command, and how the names of what it may change begin. */
function toCommand(what: string, space: string, collection: string, id: string): { command: Command; reaches: string } {
  const ref = { space, collection };
  const report = { space, id, branch: '', lease: { seq: 1, attempt: 1 }, startedAtMs: 1 } as const;
  const outcome = { type: 'goto', next: 'b', patch: {}, delayMs: 0, join: true } as const;
  const toReport = (onlyIn: string | null): Command => ({
    kind: 'workflow.steps',
    reports: [{ ...report, onlyIn, outcome, settlement: { type: 'done' } }],
    nowMs: 1,
  });
  const one = `d\0${space}\0${collection}\0${id}`;
  switch (what) {
    case 'remove':
      return { command: { kind: 'document.remove', ...ref, targets: [{ id }], mode: 'first' }, reaches: one };
    case 'drop':
      return { command: { kind: 'collection.drop', ...ref }, reaches: `d\0${space}\0${collection}\0` };
    case 'apply': {
      const operation = { type: 'cancel', reason: null } as const;
      return { command: { kind: 'workflow.apply', space, id, operation, nowMs: 1 }, reaches: `d\0${space}\0` };
    }
    case 'report':
      return { command: toReport(collection), reaches: one };
    default:
      return { command: toReport(null), reaches: `d\0${space}\0` };
  }
}

describe('the memory for point reads', () => {
  test('a read that overlaps with a write is not kept, whichever of them ends first', () => {
    const kept = new KeptReads();
    const write = [
      { kind: 'document.remove', space: 's', collection: 'c', targets: [{ id: 'a' }], mode: 'first' },
    ] as const;
    const group = 'd\0s\0c';
    const early = kept.beginRead(group, 'a');
    const end = kept.beginWrite(write);
    assert.equal(kept.beginRead(group, 'a'), null);
    assert.ok(early !== null && end !== null);
    end();
    kept.endRead(early, { json: 'old' });
    assert.equal(kept.find(group, 'a'), undefined);
    const late = kept.beginRead(group, 'a');
    assert.ok(late !== null);
    kept.endRead(late, { json: 'new' });
    assert.deepEqual(kept.find(group, 'a'), { json: 'new' });
  });

  test('never gives what is older than the last write that ended, whatever the writes reach', () => {
    fc.assert(
      fc.property(fc.array(keptStep, { maxLength: 60, size: 'max' }), (script) => {
        const kept = new KeptReads(1_000);
        const versions = new Versions();
        const reads: { fill: NonNullable<ReturnType<typeof kept.beginRead>>; n: number }[] = [];
        const writes: (() => void)[] = [];
        for (const { what, space, collection, id, at } of script) {
          const group = `d\0${space}\0${collection}`;
          versions.check(kept);
          if (what === 'begin read') {
            const fill = kept.beginRead(group, id);
            if (fill !== null) reads.push({ fill, n: versions.current(group, id) });
          } else if (what === 'end read') {
            for (const { fill, n } of reads.splice(at % (reads.length + 1), 1)) kept.endRead(fill, { n });
          } else if (what === 'end write') for (const end of writes.splice(at % (writes.length + 1), 1)) end();
          else {
            const { command, reaches } = toCommand(what, space, collection, id);
            const end = kept.beginWrite([command]);
            // The database writes at some moment between acceptance and acknowledgement: here at both ends.
            versions.raise(reaches);
            writes.push(() => {
              versions.raise(reaches);
              end?.();
            });
          }
        }
        versions.check(kept);
      }),
      { numRuns: 2_000 },
    );
  });

  test('a command that it does not know of empties it', () => {
    const kept = new KeptReads();
    const fill = kept.beginRead('g', 'a');
    assert.ok(fill !== null);
    kept.endRead(fill, { json: '1' });
    kept.beginWrite([{ kind: 'space.drop', space: 's' }])?.();
    assert.equal(kept.find('g', 'a'), undefined);
  });

  test('it stays within its limit, and what is asked for often stays', () => {
    const kept = new KeptReads(20_000);
    let found = 0;
    for (let number = 0; number < 1_000; number += 1) {
      for (const key of ['often', String(number)]) {
        if (kept.find('g', key) !== undefined) continue;
        const fill = kept.beginRead('g', key);
        assert.ok(fill !== null);
        kept.endRead(fill, { json: 'x'.repeat(100) });
      }
    }
    for (let number = 0; number < 1_000; number += 1) if (kept.find('g', String(number)) !== undefined) found += 1;
    assert.notEqual(kept.find('g', 'often'), undefined);
    assert.ok(found > 10 && found * 300 <= 20_000, String(found));
  });
});

describe('steps of workflows that are kept in memory', () => {
  const ref = { space: 'steps', id: 'w1' };
  const given = { name: 'flow', collection: 'flows', queuePrefix: 'q', maxStepCount: 3, version: null, parent: null };
  const load = (visit: number) => ({ kind: 'workflow.load', steps: [{ ...ref, visit, collection: 'flows' }] }) as const;

  test('the next step finds what the commit before left, until somebody writes the document', async () => {
    const { storage } = temporary;
    const [, claimed] = await storage.commit(
      [
        { kind: 'workflow.start', instance: { ...ref, ...given }, step: 'a', state: { n: 1 }, delayMs: 0, nowMs: 1 },
        { kind: 'task.claim', owner: 'me', nowMs: 1, requests: [{ space: ref.space, topic: 'q_flow_a', limit: 1 }] },
      ],
      lane,
    );
    assert.deepEqual(storage.readKept(load(1)), await storage.read(load(1)));
    assert.equal(storage.readKept(load(2)), undefined, 'another visit may remember something');

    const [task] = claimed.tasks;
    const lease = { seq: task!.seq, attempt: task!.attempt };
    const outcome = { type: 'goto', next: 'b', patch: { n: 2 }, delayMs: 0, join: true } as const;
    const settlement = { type: 'done' } as const;
    const report = { ...ref, branch: '', onlyIn: 'flows', lease, startedAtMs: 1, outcome, settlement };
    const reporting = storage.commit([{ kind: 'workflow.steps', reports: [report], nowMs: 2 }], lane);
    assert.equal(storage.readKept(load(1)), undefined);
    await reporting;
    const kept = storage.readKept(load(2));
    assert.equal((JSON.parse(kept![0]!.view.document!) as { n: number }).n, 2);
    assert.deepEqual(kept, await storage.read(load(2)));

    const change = { type: 'replace', body: '{"n":3}' } as const;
    const write = { kind: 'document.write', space: ref.space, collection: 'flows', targets: [{ id: ref.id }] } as const;
    const writing = storage.commit([{ ...write, mode: 'first', change }], lane);
    assert.equal(storage.readKept(load(2)), undefined);
    await writing;
    assert.equal(storage.readKept(load(2)), undefined);
  });

  test('a write that is under way when the step is reported keeps it from being kept', async () => {
    const { storage } = temporary;
    const instance = { ...ref, id: 'w2', ...given };
    const starting = storage.commit(
      [{ kind: 'workflow.start', instance, step: 'a', state: {}, delayMs: 0, nowMs: 1 }],
      lane,
    );
    const change = { type: 'replace', body: '{"n":3}' } as const;
    const target = { space: ref.space, collection: 'flows', targets: [{ id: 'w2' }] };
    const writing = storage.commit([{ kind: 'document.write', ...target, mode: 'first', change }], lane);
    await Promise.all([starting, writing]);
    const read = {
      kind: 'workflow.load',
      steps: [{ space: 'steps', id: 'w2', visit: 1, collection: 'flows' }],
    } as const;
    assert.equal(storage.readKept(read), undefined);
    assert.equal((JSON.parse((await storage.read(read))[0]!.view.document!) as { n: number }).n, 3);
  });

  test('what somebody does to an instance shows in its space at once, and leaves others what they keep', async () => {
    const { storage } = temporary;
    const start = { kind: 'workflow.start', step: 'a', state: { n: 1 }, delayMs: 0, nowMs: 1 } as const;
    const spaces = ['mine', 'theirs'] as const;
    const get = (space: string) => ({ kind: 'document.get', space, collection: 'flows', id: 'w1' }) as const;
    for (const space of spaces) {
      await storage.commit([{ ...start, instance: { space, id: 'w1', ...given } }], lane);
      assert.deepEqual(await storage.read(get(space)), storage.readKept(get(space)));
    }
    const operation = { type: 'update', patch: { n: 2 }, continue: false } as const;
    await storage.commit([{ kind: 'workflow.apply', space: 'mine', id: 'w1', operation, nowMs: 2 }], lane);
    assert.equal(storage.readKept(get('mine')), undefined);
    assert.equal(JSON.parse((await storage.read(get('mine')))!.json).n, 2);
    assert.equal(JSON.parse(storage.readKept(get('theirs'))!.json).n, 1);
  });

  test('nothing is kept of a commit in which a child may have changed its parent', async () => {
    const { storage } = temporary;
    const before = await storage.commit(
      [
        {
          kind: 'workflow.start',
          instance: { ...ref, id: 'w3', ...given },
          step: 'a',
          state: {},
          delayMs: 0,
          nowMs: 1,
        },
        { kind: 'task.claim', owner: 'me', nowMs: 1, requests: [{ space: ref.space, topic: 'q_flow_a', limit: 9 }] },
      ],
      lane,
    );
    const task = before[1].tasks.at(-1)!;
    const outcome = { type: 'goto', next: 'b', patch: {}, delayMs: 0, join: true } as const;
    const common = { space: ref.space, branch: '', startedAtMs: 1, outcome, settlement: { type: 'done' } as const };
    const reports = [
      { ...common, id: 'w3', onlyIn: 'flows', lease: { seq: task.seq, attempt: task.attempt } },
      { ...common, id: 'child', onlyIn: null, lease: { seq: 0, attempt: 1 } },
    ];
    await storage.commit([{ kind: 'workflow.steps', reports, nowMs: 2 }], lane);
    const read = {
      kind: 'workflow.load',
      steps: [{ space: 'steps', id: 'w3', visit: 2, collection: 'flows' }],
    } as const;
    assert.equal(storage.readKept(read), undefined);
    assert.equal((await storage.read(read))[0]!.view.instance.control.nextStep, 'b');
  });
});
