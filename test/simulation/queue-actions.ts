import fc from 'fast-check';
import type { JsonObject } from '../../src/core/json.ts';
import type { TaskState } from '../../src/core/task.ts';

/** What may happen to the queue. Tasks are named by their place in the order of enqueueing, counted round. */
export type QueueAction =
  | { readonly type: 'enqueue'; readonly tasks: readonly EnqueueSpec[]; readonly refused: boolean }
  | { readonly type: 'claim'; readonly owner: string; readonly topics: readonly string[]; readonly limit: number }
  | { readonly type: 'settle'; readonly settlements: readonly SettleSpec[]; readonly fenced: boolean }
  | { readonly type: 'fence'; readonly task: number; readonly age: number; readonly orSettled: boolean }
  | { readonly type: 'heartbeat'; readonly tasks: readonly number[]; readonly forMs: number }
  | { readonly type: 'expire'; readonly notOwner: string | null }
  | { readonly type: 'promote'; readonly limit: number }
  | {
      readonly type: 'redrive';
      readonly topic: string;
      readonly tasks: readonly number[] | null;
      readonly limit: number;
    }
  | { readonly type: 'drop'; readonly tasks: readonly number[] }
  | { readonly type: 'purge'; readonly topic: string; readonly states: readonly TaskState[] | null }
  | { readonly type: 'sweep'; readonly limit: number }
  | { readonly type: 'configure'; readonly topic: string; readonly overrides: JsonObject }
  | { readonly type: 'pass'; readonly ms: number };

export interface EnqueueSpec {
  readonly topic: string;
  readonly delayMs: number;
  readonly priority: number;
  readonly key: string | null;
  readonly dedupeKey: string | null;
}

export interface SettleSpec {
  readonly task: number;
  /** 0 is the lease that counts, 1 the one before. */
  readonly age: number;
  readonly outcome: 'done' | 'failed' | 'crashed' | 'released' | 'dead' | 'poison';
  readonly delayMs: number;
}

const topic = fc.constantFrom('plain', 'keyed', 'other');
const place = fc.nat({ max: 11 });
const age = fc.constantFrom(0, 0, 0, 0, 1);
const owner = fc.constantFrom('boot1', 'boot2');
const places = fc.uniqueArray(place, { minLength: 1, maxLength: 4 });

const enqueueSpec: fc.Arbitrary<EnqueueSpec> = fc.record({
  topic,
  delayMs: fc.constantFrom(0, 0, 0, 200, 1_500),
  priority: fc.constantFrom(0, 0, 0, 1, -1),
  key: fc.constantFrom(null, 'a', 'a', 'b'),
  dedupeKey: fc.constantFrom(null, null, null, 'once', 'twice'),
});

const settleSpec: fc.Arbitrary<SettleSpec> = fc.record({
  task: place,
  age,
  outcome: fc.constantFrom('done', 'done', 'done', 'failed', 'crashed', 'released', 'dead', 'poison'),
  delayMs: fc.constantFrom(0, 100, 1_000),
});

const overrides: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.record({ paused: fc.boolean() }),
  fc.record({ strict: fc.boolean() }),
  fc.record({ keyConcurrency: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ retentionMs: fc.constantFrom(0, 500, null) }),
  fc.record({
    rateLimit: fc.oneof(
      fc.constant(null),
      fc.record({ limit: fc.integer({ min: 1, max: 3 }), periodMs: fc.constantFrom(300, 1_000), perKey: fc.boolean() }),
    ),
  }),
);

const action: fc.Arbitrary<QueueAction> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('enqueue'),
      tasks: fc.array(enqueueSpec, { minLength: 1, maxLength: 4 }),
      refused: fc.constantFrom(false, false, false, false, true),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('claim'),
      owner,
      topics: fc.uniqueArray(topic, { minLength: 1, maxLength: 3 }),
      limit: fc.integer({ min: 0, max: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('settle'),
      settlements: fc.array(settleSpec, { minLength: 1, maxLength: 3 }),
      fenced: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fence'), task: place, age, orSettled: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('heartbeat'), tasks: places, forMs: fc.constantFrom(10, 60_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('expire'), notOwner: fc.option(owner) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('promote'), limit: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('redrive'),
      topic,
      tasks: fc.option(places),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('drop'), tasks: fc.array(place, { minLength: 1, maxLength: 4 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('purge'),
      topic,
      states: fc.constantFrom<TaskState[] | null>(null, ['dead'], ['blocked']),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('sweep'), limit: fc.constant(1_000) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('configure'), topic, overrides }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('pass'), ms: fc.constantFrom(1, 150, 1_000, 40_000) }) },
) as fc.Arbitrary<QueueAction>;

export const queueActions = fc.array(action, { minLength: 1, maxLength: 60, size: 'max' });
