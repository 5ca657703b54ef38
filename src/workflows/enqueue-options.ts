import { TackleError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { clampDelayMs } from '../core/task.ts';
import { readWorkerOptions } from '../core/task-topic.ts';
import type { NewTask } from '../ports/storage/tasks.ts';

type EnqueueOptions = Omit<NewTask, 'space' | 'topic' | 'payload' | 'id' | 'jobId'>;

/**
 * Options of `enqueue` as apps give them. `timeout`, `retries` and `retryDelay` hold for this task; `delay` (ms) and
 * `runAt` for when; `key`, `dedupeKey` and `priority` are ours. `workers` belongs to the topic and is not taken from here:
 * the engine inside original bundles gives it with every task.
 */
export function readEnqueueOptions(options: Readonly<Record<string, unknown>>, nowMs: number): EnqueueOptions {
  const { timeoutMs, retry } = readWorkerOptions(options);
  const runAtMs = readRunAt(options, nowMs);
  const priority = Number(options.priority ?? 0);
  const own: Record<string, Json> = {};
  if (timeoutMs !== undefined) own.timeoutMs = timeoutMs;
  if (retry !== undefined) own.retry = retry;
  return {
    ...(Object.keys(own).length > 0 ? { options: own } : {}),
    ...(runAtMs === null ? {} : { runAtMs }),
    ...(Number.isInteger(priority) && priority !== 0 ? { priority } : {}),
    ...readKey(options, 'key'),
    ...readKey(options, 'dedupeKey'),
  };
}

function readRunAt(options: Readonly<Record<string, unknown>>, nowMs: number): number | null {
  const { delay, runAt } = options;
  if (runAt !== undefined && runAt !== null) {
    const timeMs = typeof runAt === 'number' ? runAt : Date.parse(String(runAt));
    if (Number.isNaN(timeMs)) throw new TackleError('invalid_request', `runAt ${JSON.stringify(runAt)} is not a date.`);
    return nowMs + clampDelayMs(timeMs - nowMs);
  }
  const delayMs = clampDelayMs(delay);
  return delayMs === 0 ? null : nowMs + delayMs;
}

function readKey<Name extends 'key' | 'dedupeKey'>(
  options: Readonly<Record<string, unknown>>,
  name: Name,
): Partial<Record<Name, string>> {
  const value = options[name];
  if (value === undefined || value === null) return {};
  if (typeof value === 'string' && value.length <= 1_000) return { [name]: value } as Record<Name, string>;
  throw new TackleError('invalid_request', `The option "${name}" must be a string of at most 1000 characters.`);
}
