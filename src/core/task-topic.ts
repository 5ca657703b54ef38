import { TackleError } from './errors.ts';
import type { Json, JsonObject } from './json.ts';
import { isPlainObject } from './json.ts';
import { defaultRetryPolicy, mergeRetryPolicy, type RetryPolicy } from './retry.ts';

/** The topic whose tasks carry events to the code of apps. */
export const eventTopic = '_events';

/** At most `limit` starts per `periodMs`; `perKey` counts every key of the topic for itself. */
export interface RateLimit {
  readonly limit: number;
  readonly periodMs: number;
  readonly perKey: boolean;
}

/**
 * How the tasks of one topic are worked on. Every field may be changed while the gateway runs; a change holds from the
 * next claim on.
 */
export interface TopicSettings {
  /** Handlers at one time; 0 pauses the topic. With 1, tasks start in order. */
  readonly workers: number;
  /** One task after the other, the next one not before the last is settled on disk, also across retries. */
  readonly strict: boolean;
  /** How many tasks with the same key may be under way; 1 keeps them in order. */
  readonly keyConcurrency: number;
  /** Expiry: an attempt that takes longer has failed. */
  readonly timeoutMs: number;
  /** Lease: a worker that was not heard of for this long has lost its tasks. */
  readonly heartbeatMs: number;
  readonly retry: RetryPolicy;
  readonly rateLimit: RateLimit | null;
  /** A handler that takes an array gets up to `size` tasks, and waits at most `waitMs` for them. */
  readonly batch: { readonly size: number; readonly waitMs: number } | null;
  readonly paused: boolean;
  /** How long done tasks stay visible; 0 forgets them when they are settled. */
  readonly retentionMs: number;
}

export const defaultTopicSettings: TopicSettings = {
  workers: 1,
  strict: false,
  keyConcurrency: 1,
  timeoutMs: 30_000,
  heartbeatMs: 30_000,
  retry: defaultRetryPolicy,
  rateLimit: null,
  batch: null,
  paused: false,
  retentionMs: 7 * 86_400_000,
};

/** Names are used in collection names, URLs and tables of the command line. */
export function checkTopicName(topic: unknown): string {
  if (typeof topic === 'string' && topic !== '' && topic.length <= 400 && !/[\u0000-\u001f\u007f]/.test(topic))
    return topic;
  throw new TackleError(
    'invalid_name',
    `The topic ${JSON.stringify(topic)?.slice(0, 100)} is not a name: give 1 to 400 characters without control characters.`,
  );
}

type SettingReader = (value: Json, topic: string) => Partial<TopicSettings>;

/** Every settable field with its check; unknown fields are refused, so that a typing error is not silent. */
const settingReaders: Readonly<Record<keyof TopicSettings, SettingReader>> = {
  workers: (value, topic) => ({ workers: wholeNumber('workers', value, topic, 0, 1_000) }),
  strict: (value, topic) => ({ strict: flag('strict', value, topic) }),
  keyConcurrency: (value, topic) => ({ keyConcurrency: wholeNumber('keyConcurrency', value, topic, 1, 1_000) }),
  timeoutMs: (value, topic) => ({ timeoutMs: wholeNumber('timeoutMs', value, topic, 1, 86_400_000) }),
  heartbeatMs: (value, topic) => ({ heartbeatMs: wholeNumber('heartbeatMs', value, topic, 100, 86_400_000) }),
  retry: (value, topic) => ({ retry: readRetry(value, topic) }),
  rateLimit: (value, topic) => ({ rateLimit: readRateLimit(value, topic) }),
  batch: (value, topic) => ({ batch: readBatch(value, topic) }),
  paused: (value, topic) => ({ paused: flag('paused', value, topic) }),
  retentionMs: (value, topic) => ({ retentionMs: wholeNumber('retentionMs', value, topic, 0, 366 * 86_400_000) }),
};

/** Lays settings over one another, later ones winning. Throws `invalid_request` naming the topic and the field. */
export function resolveTopicSettings(topic: string, ...layers: readonly JsonObject[]): TopicSettings {
  let settings = defaultTopicSettings;
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      if (value === null && name !== 'rateLimit' && name !== 'batch') continue;
      if (!Object.hasOwn(settingReaders, name)) {
        const known = Object.keys(settingReaders).join(', ');
        throw new TackleError('invalid_request', `Topic ${topic} has no setting "${name}"; there are: ${known}.`);
      }
      settings = { ...settings, ...settingReaders[name as keyof TopicSettings](value, topic) };
    }
  }
  return settings;
}

/**
 * Options as apps give them (`app.worker(name, fn, options)`; spec 6: `workers`, `timeout` in ms) in our words. Options
 * that mean nothing to us are left out: apps in the wild carry many.
 */
export function readWorkerOptions(options: unknown): JsonObject {
  if (!isPlainObject(options)) return {};
  const settings: Record<string, Json> = {};
  const workers = toNumber(options.workers);
  if (workers !== null) settings.workers = Math.min(1_000, Math.max(0, Math.floor(workers)));
  const timeout = toNumber(options.timeoutMs ?? options.timeout);
  if (timeout !== null && timeout > 0) settings.timeoutMs = Math.min(86_400_000, Math.ceil(timeout));
  const retry: Record<string, Json> = isPlainObject(options.retry) ? { ...(options.retry as JsonObject) } : {};
  const retries = toNumber(options.maxRetries ?? options.retries);
  if (retries !== null) retry.maxRetries = Math.max(0, Math.floor(retries));
  const delay = toNumber(options.retryDelay);
  if (delay !== null) retry.initialDelayMs = Math.max(0, delay);
  if (Object.keys(retry).length > 0) settings.retry = retry;
  for (const name of ['strict', 'keyConcurrency', 'heartbeatMs', 'rateLimit', 'batch', 'retentionMs'] as const) {
    const value = options[name];
    if (value !== undefined) settings[name] = value as Json;
  }
  return settings;
}

function toNumber(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

function wholeNumber(name: string, value: Json, topic: string, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const given = JSON.stringify(value);
  throw new TackleError(
    'invalid_request',
    `Topic ${topic}: ${name} must be a whole number from ${least} to ${most}, not ${given}.`,
  );
}

function flag(name: string, value: Json, topic: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new TackleError(
    'invalid_request',
    `Topic ${topic}: ${name} must be true or false, not ${JSON.stringify(value)}.`,
  );
}

function readRetry(value: Json, topic: string): RetryPolicy {
  if (isPlainObject(value)) return mergeRetryPolicy(defaultRetryPolicy, value);
  throw new TackleError('invalid_request', `Topic ${topic}: retry must be an object like {"maxRetries": 5}.`);
}

function readRateLimit(value: Json, topic: string): RateLimit | null {
  if (value === null) return null;
  if (!isPlainObject(value)) {
    throw new TackleError('invalid_request', `Topic ${topic}: rateLimit must be {limit, periodMs, perKey} or null.`);
  }
  return {
    limit: wholeNumber('rateLimit.limit', (value.limit ?? null) as Json, topic, 1, 1_000_000_000),
    periodMs: wholeNumber('rateLimit.periodMs', (value.periodMs ?? null) as Json, topic, 1, 366 * 86_400_000),
    perKey: value.perKey === true,
  };
}

function readBatch(value: Json, topic: string): TopicSettings['batch'] {
  if (value === null) return null;
  if (!isPlainObject(value)) {
    throw new TackleError('invalid_request', `Topic ${topic}: batch must be {size, waitMs} or null.`);
  }
  return {
    size: wholeNumber('batch.size', (value.size ?? null) as Json, topic, 1, 1_000),
    waitMs: wholeNumber('batch.waitMs', (value.waitMs ?? 0) as Json, topic, 0, 60_000),
  };
}
