import { Cron } from 'croner';
import { TackleError } from './errors.ts';

/**
 * Schedules: cron expressions of 5 fields (minute, hour, day of month, month, day of week) or 6 (seconds first), in a time
 * zone, and what happens with ticks that were missed or that come while the last run still goes on.
 */
export interface ScheduleSpec {
  readonly expression: string;
  /** IANA name. */
  readonly timezone: string;
  /** After downtime: run the latest missed tick once, every missed tick (at most 100), or none. */
  readonly catchUp: 'latest' | 'all' | 'none';
  /** While a run goes on: leave the tick out, let it wait for its turn, or run at the same time. */
  readonly overlap: 'skip' | 'queue' | 'allow';
}

/** At most so many missed ticks are run by `catchUp: 'all'`; a schedule per second would else bury the app after a night. */
export const mostMissedTicks = 100;

/** Throws `invalid_request` that names the expression and what is wrong with it. */
export function checkCronExpression(expression: unknown, timezone = 'UTC'): string {
  if (typeof expression !== 'string') {
    throw new TackleError('invalid_request', `A cron expression must be a string, not ${JSON.stringify(expression)}.`);
  }
  const fields = expression.trim().split(/\s+/).length;
  if (!expression.trim().startsWith('@') && fields !== 5 && fields !== 6) {
    throw new TackleError(
      'invalid_request',
      `The cron expression "${expression}" has ${fields} fields; write 5 (minute hour day month weekday) or 6 (seconds first).`,
    );
  }
  let first: Date | null;
  try {
    first = openCron(expression, timezone).nextRun(new Date(0));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TackleError(
      'invalid_request',
      `The cron expression "${expression}" (${timezone}) is not valid: ${reason}`,
    );
  }
  if (first !== null) return expression.trim();
  throw new TackleError(
    'invalid_request',
    `The cron expression "${expression}" never comes due: there is no such date.`,
  );
}

/** The first tick strictly after `afterMs`, or null when there is none. */
export function computeNextTickMs(spec: Pick<ScheduleSpec, 'expression' | 'timezone'>, afterMs: number): number | null {
  return openCron(spec.expression, spec.timezone).nextRun(new Date(afterMs))?.getTime() ?? null;
}

export function isTick(spec: Pick<ScheduleSpec, 'expression' | 'timezone'>, timeMs: number): boolean {
  return computeNextTickMs(spec, timeMs - 1) === timeMs;
}

export interface DueTicks {
  /** Ticks to run now, oldest first. */
  readonly ticks: readonly number[];
  /** Ticks that were left out by the catch-up policy; beyond `mostMissedTicks` they are not counted. */
  readonly missed: number;
  readonly nextTickMs: number | null;
}

/**
 * The ticks after `lastTickMs` up to `nowMs`. The newest one counts as on time when it is not older than `graceMs`; all
 * others were missed and fall under the catch-up policy.
 */
export function computeDueTicks(spec: ScheduleSpec, lastTickMs: number, nowMs: number, graceMs = 5_000): DueTicks {
  const cron = openCron(spec.expression, spec.timezone);
  // From now backwards: a schedule per second that was away for a year has millions of ticks before these.
  const latest = cron
    .previousRuns(mostMissedTicks, new Date(nowMs + 1))
    .map((tick) => tick.getTime())
    .filter((tick) => tick > lastTickMs && tick <= nowMs);
  const due = latest.sort((a, b) => a - b);
  const nextTickMs = cron.nextRun(new Date(nowMs))?.getTime() ?? null;
  return { ...chooseTicks(spec, due, nowMs - graceMs), nextTickMs };
}

function chooseTicks(
  spec: ScheduleSpec,
  due: readonly number[],
  onTimeFromMs: number,
): Pick<DueTicks, 'ticks' | 'missed'> {
  const latest = due.at(-1);
  if (latest === undefined || spec.catchUp === 'all') return { ticks: due, missed: 0 };
  if (spec.catchUp === 'latest' || latest >= onTimeFromMs) return { ticks: [latest], missed: due.length - 1 };
  return { ticks: [], missed: due.length };
}

const openCrons = new Map<string, Cron>();

/** Parsing an expression costs more than using it; the cache is bounded because expressions come from apps. */
function openCron(expression: string, timezone: string): Cron {
  const key = `${timezone}\n${expression}`;
  const known = openCrons.get(key);
  if (known !== undefined) return known;
  const cron = new Cron(expression, { timezone, paused: true });
  if (openCrons.size >= 1_000) openCrons.clear();
  openCrons.set(key, cron);
  return cron;
}
