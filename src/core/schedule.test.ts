/** Cron expressions and what becomes of missed ticks; pure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkCronExpression,
  computeDueTicks,
  computeNextTickMs,
  mostMissedTicks,
  type ScheduleSpec,
} from './schedule.ts';

const every = (expression: string, more: Partial<ScheduleSpec> = {}): ScheduleSpec => ({
  expression,
  timezone: 'UTC',
  catchUp: 'latest',
  overlap: 'skip',
  ...more,
});
const time = (text: string): number => Date.parse(text);

test('five and six fields are accepted, anything else is refused by name', () => {
  assert.equal(checkCronExpression('*/5 * * * *'), '*/5 * * * *');
  assert.equal(checkCronExpression('*/10 * * * * *'), '*/10 * * * * *');
  for (const wrong of ['* * * *', '61 * * * *', 'soon', '0 0 31 2 *']) {
    assert.throws(() => checkCronExpression(wrong), { message: new RegExp(wrong.replace(/[*]/g, '\\*')) });
  }
  assert.throws(() => checkCronExpression('* * * * *', 'Nowhere/Else'), /Nowhere/);
});

test('after downtime the latest missed tick runs once by default', () => {
  const spec = every('0 * * * *');
  const due = computeDueTicks(spec, time('2026-01-01T00:00:00Z'), time('2026-01-01T05:30:00Z'));
  assert.deepEqual(due.ticks, [time('2026-01-01T05:00:00Z')]);
  assert.equal(due.missed, 4);
  assert.equal(due.nextTickMs, time('2026-01-01T06:00:00Z'));
});

test('all missed ticks run on request, at most a hundred; none on request, but one that is on time', () => {
  const all = computeDueTicks(every('* * * * *', { catchUp: 'all' }), 0, 86_400_000);
  assert.equal(all.ticks.length, mostMissedTicks);
  const none = every('0 * * * *', { catchUp: 'none' });
  assert.deepEqual(computeDueTicks(none, 0, 3 * 3_600_000 + 1_800_000).ticks, []);
  assert.deepEqual(computeDueTicks(none, 0, 3_600_000 + 10).ticks, [3_600_000]);
});

test('a year of downtime of a schedule per second is dealt with at once', () => {
  const started = performance.now();
  const due = computeDueTicks(every('* * * * * *'), 0, 365 * 86_400_000);
  assert.equal(due.ticks.length, 1);
  assert.ok(performance.now() - started < 5_000);
});

test('an hour that does not exist and one that comes twice give one tick each', () => {
  const spec = every('30 2 * * *', { timezone: 'Europe/Oslo' });
  const spring = computeNextTickMs(spec, time('2026-03-28T12:00:00Z'));
  assert.equal(spring, time('2026-03-29T01:00:00Z'));
  const autumn = computeNextTickMs(spec, time('2026-10-24T12:00:00Z'))!;
  const next = computeNextTickMs(spec, autumn)!;
  assert.ok(next - autumn > 20 * 3_600_000, 'the repeated hour must not tick twice');
});
