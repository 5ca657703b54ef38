/** Events as JSON text for the journal, without losing what JSON has no word for. */
import type { HookEvent } from '../../core/hook-event.ts';

const tag = '$tackle';
const maxDepth = 200;

/**
 * Never throws. The configuration in `context.cfg` is stored as a mark only: it is full of secrets, and whoever reads
 * the event back has the configuration of that time.
 */
export function stringifyEvent(event: HookEvent): string {
  const { cfg, ...rest } = event.context;
  const hasConfig = typeof cfg === 'object' && cfg !== null;
  const context = hasConfig ? rest : event.context;
  return JSON.stringify({ event: encodeValue({ ...event, context }, [], 0), hasConfig });
}

export function parseEvent(text: string, config: unknown): HookEvent {
  const stored = JSON.parse(text) as { event: unknown; hasConfig: boolean };
  const event = decodeValue(stored.event) as HookEvent;
  if (stored.hasConfig) event.context.cfg = config;
  return event;
}

function encodeValue(value: unknown, parents: readonly object[], depth: number): unknown {
  switch (typeof value) {
    case 'function':
    case 'symbol':
    case 'undefined':
      return undefined;
    case 'bigint':
      return { [tag]: 'bigint', value: value.toString() };
    case 'number':
      return Number.isFinite(value) ? value : { [tag]: 'number', value: String(value) };
    case 'object':
      return value === null ? null : encodeObject(value, parents, depth);
    default:
      return value;
  }
}

function encodeObject(value: object, parents: readonly object[], depth: number): unknown {
  if (parents.includes(value) || depth > maxDepth) return undefined;
  const chain = [...parents, value];
  const encode = (item: unknown) => encodeValue(item, chain, depth + 1);
  if (value instanceof Date)
    return { [tag]: 'date', value: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  if (value instanceof Map)
    return { [tag]: 'map', value: [...value].map(([key, item]) => [encode(key) ?? null, encode(item) ?? null]) };
  if (value instanceof Set) return { [tag]: 'set', value: [...value].map((item) => encode(item) ?? null) };
  if (value instanceof Uint8Array) return { [tag]: 'bytes', value: Buffer.from(value).toString('base64') };
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  if (Array.isArray(value)) return value.map((item) => encode(item) ?? null);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = encode((value as Record<string, unknown>)[key]);
    if (item !== undefined) result[key] = item;
  }
  return tag in result ? { [tag]: 'object', value: Object.entries(result) } : result;
}

function decodeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeValue);
  if (typeof value !== 'object' || value === null) return value;
  const record = value as Record<string, unknown>;
  if (typeof record[tag] === 'string') return decodeTagged(record[tag], record.value);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(record)) {
    if (key !== '__proto__') result[key] = decodeValue(record[key]);
  }
  return result;
}

function decodeTagged(kind: string, value: unknown): unknown {
  const pairs = () =>
    (value as [unknown, unknown][]).map(([key, item]) => [decodeValue(key), decodeValue(item)] as const);
  switch (kind) {
    case 'date':
      return new Date(value === null ? Number.NaN : String(value));
    case 'bigint':
      return BigInt(String(value));
    case 'number':
      return Number(value);
    case 'map':
      return new Map(pairs());
    case 'set':
      return new Set((value as unknown[]).map(decodeValue));
    case 'bytes':
      return new Uint8Array(Buffer.from(String(value), 'base64'));
    case 'object':
      return Object.fromEntries(pairs().map(([key, item]) => [String(key), item]));
    default:
      return null;
  }
}
