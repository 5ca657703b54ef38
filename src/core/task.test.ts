/** Pure decisions of the queue; nothing is fake because nothing is needed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { computeRetryDelayMs, defaultRetryPolicy, longestDelayMs, mergeRetryPolicy } from './retry.ts';
import { clampDelayMs, decideSettlement, formatTaskId, parseTaskId } from './task.ts';
import { computeRateAllowance } from './task-rate.ts';
import { readWorkerOptions, resolveTopicSettings } from './task-topic.ts';

const error = { code: 'internal', message: 'x' } as const;

describe('retry', () => {
  test('waits grow, stay below the maximum, and jitter only shortens them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          const delay = computeRetryDelayMs(defaultRetryPolicy, failures, random);
          const longest = computeRetryDelayMs(defaultRetryPolicy, failures, 0);
          assert.ok(delay >= 0 && delay <= longest && longest <= defaultRetryPolicy.maxDelayMs);
          assert.ok(computeRetryDelayMs(defaultRetryPolicy, failures + 1, 0) >= longest);
        },
      ),
    );
  });

  test('a partial policy keeps what it does not say, and nothing absurd is taken', () => {
    const policy = mergeRetryPolicy(defaultRetryPolicy, { maxRetries: '7', factor: -3, jitter: Number.NaN });
    assert.deepEqual(policy, { ...defaultRetryPolicy, maxRetries: 7, factor: 1 });
  });
});

describe('settlement', () => {
  const decide = (outcome: Parameters<typeof decideSettlement>[0]['outcome'], failures = 0, crashes = 0) =>
    decideSettlement({ outcome, failures, crashes, policy: defaultRetryPolicy, nowMs: 1_000, random: 0 });

  test('a failure is retried until the retries are used up', () => {
    assert.equal(decide({ type: 'failed', error, retryable: true }, 2).type, 'retry');
    const last = decide({ type: 'failed', error, retryable: true }, 3);
    assert.deepEqual(last.type === 'dead' && last.reason, 'retries-exhausted');
  });

  test('a failure of no use to retry is dead at once', () => {
    const settled = decide({ type: 'failed', error, retryable: false });
    assert.deepEqual(settled.type === 'dead' && settled.reason, 'not-retryable');
  });

  test('the third crash is poison; the first two are no failures', () => {
    const first = decide({ type: 'crashed', error }, 3, 0);
    assert.deepEqual(first.type === 'retry' && [first.countsAsFailure, first.countsAsCrash], [false, true]);
    const third = decide({ type: 'crashed', error }, 0, 2);
    assert.deepEqual(third.type === 'dead' && third.reason, 'poison');
  });
});

describe('rate limits', () => {
  test('no window of the period ever starts more than twice the limit, nor more than the limit after a rest', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 10 })), { maxLength: 60 }),
        (limit, steps) => {
          const rate = { limit, periodMs: 1_000, perKey: false };
          const starts: number[] = [];
          let arrival: number | null = null;
          let now = 0;
          for (const [waitMs, wanted] of steps) {
            now += waitMs;
            const allowance = computeRateAllowance(rate, arrival, now, wanted);
            arrival = allowance.arrivalAt;
            for (let n = 0; n < allowance.allowed; n += 1) starts.push(now);
            if (allowance.retryAtMs !== null) assert.ok(allowance.retryAtMs > now);
          }
          for (const start of starts) {
            const inWindow = starts.filter((other) => other >= start && other < start + rate.periodMs).length;
            assert.ok(inWindow <= 2 * limit, `${inWindow} starts within a period, limit ${limit}`);
          }
        },
      ),
    );
  });

  test('what is held back may start when it was said', () => {
    const rate = { limit: 2, periodMs: 1_000, perKey: false };
    const first = computeRateAllowance(rate, null, 0, 5);
    assert.deepEqual([first.allowed, first.retryAtMs], [2, 500]);
    assert.equal(computeRateAllowance(rate, first.arrivalAt, 499, 1).allowed, 0);
    assert.equal(computeRateAllowance(rate, first.arrivalAt, 500, 1).allowed, 1);
  });
});

describe('settings and options', () => {
  test('overrides win over what was declared, and null takes one back', () => {
    const settings = resolveTopicSettings('t', { workers: 5, timeoutMs: 10 }, { workers: 0 });
    assert.deepEqual([settings.workers, settings.timeoutMs], [0, 10]);
  });

  test('a misspelt setting is refused by name', () => {
    assert.throws(() => resolveTopicSettings('t', { wrokers: 1 }), /no setting "wrokers"/);
  });

  test('options of the original library are understood, unknown ones left out', () => {
    const options = readWorkerOptions({ workers: '5', timeout: 1000, retries: 2, retryDelay: 10, unknown: true });
    assert.deepEqual(options, { workers: 5, timeoutMs: 1000, retry: { maxRetries: 2, initialDelayMs: 10 } });
  });

  test('delays that are no numbers, negative or huge become something sensible', () => {
    assert.deepEqual(
      [clampDelayMs(-5), clampDelayMs('x'), clampDelayMs(Number.NaN), clampDelayMs('250')],
      [0, 0, 0, 250],
    );
    assert.equal(clampDelayMs(Number.POSITIVE_INFINITY), longestDelayMs);
  });

  test('an id says which task it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (seq) => {
        const id = formatTaskId(seq, 1_700_000_000_000);
        assert.match(id, /^[0-9a-f]{24}$/);
        assert.equal(parseTaskId(id), seq);
      }),
    );
    assert.equal(parseTaskId('cust_daily_20250101'), null);
  });
});
