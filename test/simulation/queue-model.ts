import assert from 'node:assert/strict';
import type { Settlement, TaskLease } from '../../src/core/task.ts';
import type { NewTask, TaskView } from '../../src/ports/storage/tasks.ts';
import type { Command, Storage } from '../../src/ports/storage.ts';
import { MemoryStore } from './memory-store.ts';
import type { QueueAction, SettleSpec } from './queue-actions.ts';

const error = { code: 'internal', message: 'as told' } as const;
const system = { lane: { lane: 'system' } } as const;

/** The numbers of one task in the store and in the model, which count for themselves. */
interface Twin {
  readonly stored: number;
  readonly model: number;
}

/** Does the same to a store and to a model in memory, and compares what they answer and what is in them afterwards. */
export class QueueComparison {
  #storage: Storage;
  readonly #space: string;
  readonly #model = new MemoryStore();
  readonly #twins: Twin[] = [];
  readonly #indexOfStored = new Map<number, number>();
  readonly #indexOfModel = new Map<number, number>();
  #nowMs = 1_000_000;

  constructor(storage: Storage, space: string) {
    this.#storage = storage;
    this.#space = space;
  }

  async run(action: QueueAction): Promise<void> {
    if (action.type === 'pass') this.#nowMs += action.ms;
    else if (action.type === 'enqueue') await this.#enqueue(action);
    else {
      const [stored, model] = await this.#commit(
        this.#toCommands(action, ({ stored }) => stored),
        this.#toCommands(action, ({ model }) => model),
      );
      assert.deepEqual(this.#name(stored, this.#indexOfStored), this.#name(model, this.#indexOfModel));
    }
    await this.#compareContents();
  }

  /** The same data in an engine that was opened anew: nothing may have been in its memory only. */
  async continueWith(storage: Storage): Promise<void> {
    this.#storage = storage;
    await this.#compareContents();
  }

  /** Leaves nothing behind that a claim of another run could find. */
  async cleanUp(): Promise<void> {
    for (const topic of ['plain', 'keyed', 'other']) {
      await this.#storage.commit(
        [{ kind: 'task.drop', space: this.#space, topic, limit: 1_000, nowMs: this.#nowMs }],
        system,
      );
    }
    await this.#storage.commit([{ kind: 'task.sweep', nowMs: Number.MAX_SAFE_INTEGER, limit: 1_000 }], system);
  }

  async #enqueue({ tasks, refused }: Extract<QueueAction, { type: 'enqueue' }>): Promise<void> {
    const full = tasks.map(({ topic, delayMs, priority, key, dedupeKey }, index): NewTask => {
      const payload = JSON.stringify(this.#twins.length + index);
      const optional = { ...(key === null ? {} : { key }), ...(dedupeKey === null ? {} : { dedupeKey }) };
      return { space: this.#space, topic, payload, priority, runAtMs: this.#nowMs + delayMs, ...optional };
    });
    const enqueue: Command = { kind: 'task.enqueue', tasks: full, nowMs: this.#nowMs };
    // A fence that fails after it takes the whole commit back.
    const commands: Command[] = refused
      ? [enqueue, { kind: 'task.fence', leases: [{ seq: 987_654_321, attempt: 1 }] }]
      : [enqueue];
    const [stored, model] = await this.#commit(commands, commands);
    if (refused) {
      assert.deepEqual([stored, model], ['lease_lost', 'lease_lost']);
      return;
    }
    const [inStore, inModel] = [readEnqueued(stored), readEnqueued(model)];
    for (const [index, { seq, duplicate }] of inStore.entries()) {
      const other = inModel[index]!;
      assert.equal(duplicate, other.duplicate);
      if (!duplicate) this.#addTwin({ stored: seq, model: other.seq });
      assert.equal(this.#indexOfStored.get(seq), this.#indexOfModel.get(other.seq), 'another task is the duplicate');
    }
  }

  #addTwin(twin: Twin): void {
    this.#indexOfStored.set(twin.stored, this.#twins.length);
    this.#indexOfModel.set(twin.model, this.#twins.length);
    this.#twins.push(twin);
  }

  /** Answers of both, or the code of the error that a side refused with. */
  async #commit(stored: readonly Command[], model: readonly Command[]): Promise<[unknown, unknown]> {
    const readCode = (thrown: unknown) => {
      const { code } = thrown as { code?: string };
      if (code === undefined) throw thrown;
      return code;
    };
    const inStore = await this.#storage.commit(stored as readonly Command[] & [], system).catch(readCode);
    try {
      return [inStore, this.#model.commit(model)];
    } catch (thrown) {
      return [inStore, readCode(thrown)];
    }
  }

  #toCommands(
    action: Exclude<QueueAction, { type: 'pass' | 'enqueue' }>,
    numberIn: (twin: Twin) => number,
  ): readonly Command[] {
    const space = this.#space;
    const nowMs = this.#nowMs;
    const toSeq = (place: number) => {
      const twin = this.#twins[place % Math.max(1, this.#twins.length)];
      return twin === undefined ? 987_654_321 : numberIn(twin);
    };
    const toLease = ({ task, age }: { task: number; age: number }): TaskLease => {
      const twin = this.#twins[task % Math.max(1, this.#twins.length)];
      const attempt = twin === undefined ? 1 : (this.#model.state.task(twin.model)?.attempt ?? 1);
      return { seq: toSeq(task), attempt: attempt - age };
    };
    switch (action.type) {
      case 'claim': {
        const requests = action.topics.map((topic) => ({ space, topic, limit: action.limit }));
        return [{ kind: 'task.claim', owner: action.owner, nowMs, requests }];
      }
      case 'settle': {
        const settlements = action.settlements.map((spec) => ({
          ...toLease(spec),
          settlement: toSettlement(spec, nowMs),
        }));
        const leases = settlements.map(({ seq, attempt }) => ({ seq, attempt }));
        const settle: Command = { kind: 'task.settle', settlements, nowMs };
        return action.fenced ? [{ kind: 'task.fence', leases }, settle] : [settle];
      }
      case 'fence':
        return [{ kind: 'task.fence', leases: [toLease(action)], orSettled: action.orSettled }];
      case 'heartbeat': {
        const leases = action.tasks.map((task) => toLease({ task, age: 0 }));
        return [{ kind: 'task.extend', leases, leaseUntilMs: nowMs + action.forMs }];
      }
      case 'expire': {
        const from = action.notOwner === null ? { leaseBeforeMs: nowMs } : { notOwner: action.notOwner };
        return [{ kind: 'task.reclaim', nowMs, limit: 1_000, ...from }];
      }
      case 'promote':
        return [{ kind: 'task.promote', nowMs, limit: action.limit }];
      case 'redrive': {
        const { topic, tasks, limit } = action;
        return [
          { kind: 'task.redrive', space, nowMs, limit, ...(tasks === null ? { topic } : { seqs: tasks.map(toSeq) }) },
        ];
      }
      case 'drop':
        return [{ kind: 'task.drop', space, seqs: action.tasks.map(toSeq), limit: 1_000, nowMs }];
      case 'purge': {
        const states = action.states === null ? {} : { states: action.states };
        return [{ kind: 'task.drop', space, topic: action.topic, ...states, limit: 1_000, nowMs }];
      }
      case 'sweep':
        return [{ kind: 'task.sweep', nowMs, limit: action.limit }];
      case 'configure':
        return [{ kind: 'topic.configure', space, topic: action.topic, overrides: action.overrides }];
    }
  }

  /** Numbers of tasks become places in the order of enqueueing; order means something only where tasks are claimed. */
  #name(value: unknown, indexOf: ReadonlyMap<number, number>): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#name(item, indexOf));
    if (typeof value !== 'object' || value === null) return value;
    const named = Object.entries(value)
      .filter(([name]) => name !== 'id')
      .map(([name, inside]): [string, unknown] => {
        if (name === 'seq') return [name, indexOf.get(inside as number) ?? 'unknown'];
        if (name === 'topics') return [name, (inside as { topic: string }[]).map(({ topic }) => topic).sort()];
        return [name, this.#name(inside, indexOf)];
      });
    return Object.fromEntries(named);
  }

  async #compareContents(): Promise<void> {
    const views = await this.#storage.read({ kind: 'task.list', space: this.#space, limit: 1_000 });
    const stored = views.map((view) => describe(view, this.#indexOfStored.get(view.seq)));
    const inModel = this.#model.state.tasks.values().sort((a, b) => a.seq - b.seq);
    const model = inModel.map((task) => describe(task, this.#indexOfModel.get(task.seq)));
    assert.deepEqual(stored, model);
    const nextDue = await this.#storage.read({ kind: 'task.nextDue' });
    assert.equal(nextDue.dueAtMs, this.#model.tasks.nextDue());
  }
}

type Described = Pick<
  TaskView,
  'state' | 'topic' | 'key' | 'priority' | 'attempt' | 'failures' | 'crashes' | 'runAtMs' | 'payload'
> & { readonly reason: string | null };

function describe(task: Described, index: number | undefined): unknown {
  const { state, topic, key, priority, attempt, failures, crashes, runAtMs, payload, reason } = task;
  return { index, state, topic, key, priority, attempt, failures, crashes, runAtMs, payload, reason };
}

function readEnqueued(results: unknown): readonly { seq: number; duplicate: boolean }[] {
  return (results as [{ tasks: readonly { seq: number; duplicate: boolean }[] }])[0].tasks;
}

function toSettlement({ outcome, delayMs }: SettleSpec, nowMs: number): Settlement {
  const retry = { type: 'retry', runAtMs: nowMs + delayMs, error } as const;
  switch (outcome) {
    case 'done':
      return { type: 'done' };
    case 'released':
      return { type: 'release' };
    case 'failed':
      return { ...retry, countsAsFailure: true, countsAsCrash: false };
    case 'crashed':
      return { ...retry, countsAsFailure: false, countsAsCrash: true };
    case 'dead':
      return { type: 'dead', reason: 'retries-exhausted', error, countsAsCrash: false };
    case 'poison':
      return { type: 'dead', reason: 'poison', error, countsAsCrash: true };
  }
}
