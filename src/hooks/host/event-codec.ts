/**
 * Carries the one shared event into a handler's thread and its changes back, so that handlers that run apart see the
 * same object as handlers that run together: Dates stay Dates, shared references and cycles stay, what cannot be
 * copied (functions, symbols, handles) is absent on the other side and untouched at home.
 */
import { isDeepStrictEqual } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import type { HookEvent } from '../../core/hook-event.ts';
import { isPlainObject } from '../../core/json.ts';
import type { EventChanges } from './protocol.ts';

/** Never throws: what cannot be serialized is left out. */
export function encodeEvent(event: HookEvent): Uint8Array {
  try {
    return serialize(event);
  } catch {
    return serialize(copySerializable(event, new Map()));
  }
}

export function decodeEvent(bytes: Uint8Array): HookEvent {
  return deserialize(bytes) as HookEvent;
}

function isSerializable(value: unknown): boolean {
  try {
    serialize(value);
    return true;
  } catch {
    return false;
  }
}

const absent = Symbol('absent');

/** `absent` for what cannot be copied, and for objects that throw while they are looked at. */
function copySerializable(value: unknown, seen: Map<object, unknown>): unknown {
  try {
    return copyValue(value, seen);
  } catch {
    return absent;
  }
}

function copyValue(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return absent;
  if (typeof value !== 'object' || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    seen.set(value, copy);
    for (const item of value) {
      const next = copySerializable(item, seen);
      copy.push(next === absent ? null : next);
    }
    return copy;
  }
  if (value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return isSerializable(value) ? value : absent;
  }
  if (value instanceof Error || value instanceof Map || value instanceof Set)
    return isSerializable(value) ? value : absent;
  const prototype: unknown = Object.getPrototypeOf(value);
  const hasOwnData = prototype === null || Object.keys(value).length > 0 || isPlainObject(value);
  if (!hasOwnData) return absent;
  const copy: Record<string, unknown> = {};
  seen.set(value, copy);
  for (const key of Object.keys(value)) {
    const next = copySerializable(readMember(value, key), seen);
    if (next !== absent) copy[key] = next;
  }
  return copy;
}

/** A getter of a stranger's object may throw; then the member is absent. */
function readMember(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return absent;
  }
}

/** What a handler changed, or undefined when nothing did. Runs in the handler's thread. */
export function computeChanges(before: Uint8Array, event: HookEvent): EventChanges | undefined {
  const after = encodeEvent(event);
  if (Buffer.compare(after, before) === 0) return undefined;
  const old = decodeEvent(before) as HookEvent & Record<string, unknown>;
  const now = decodeEvent(after) as HookEvent & Record<string, unknown>;
  const oldContext = isPlainObject(old.context) ? old.context : {};
  const nowContext = isPlainObject(now.context) ? now.context : {};
  const eventKeys = Object.keys(now).filter((key) => key !== 'context' && !isDeepStrictEqual(old[key], now[key]));
  const contextKeys = Object.keys(nowContext).filter(
    (key) => !Object.hasOwn(oldContext, key) || !isDeepStrictEqual(oldContext[key], nowContext[key]),
  );
  const removedContextKeys = Object.keys(oldContext).filter((key) => !Object.hasOwn(nowContext, key));
  if (eventKeys.length + contextKeys.length + removedContextKeys.length === 0) return undefined;
  return { event: after, eventKeys, contextKeys, removedContextKeys };
}

/** Merges a handler's changes into the event at home, in place. */
export function applyChanges(event: HookEvent, changes: EventChanges): void {
  const after = decodeEvent(changes.event) as HookEvent & Record<string, unknown>;
  const target = event as HookEvent & Record<string, unknown>;
  for (const key of changes.eventKeys) {
    if (key === 'messages') {
      const texts = Array.isArray(after.messages) ? after.messages : [];
      event.messages.splice(0, event.messages.length, ...texts.map(String));
    } else if (key !== '__proto__') target[key] = after[key];
  }
  for (const key of changes.contextKeys) {
    if (key !== '__proto__') event.context[key] = after.context[key];
  }
  for (const key of changes.removedContextKeys) delete event.context[key];
}

/** How many bytes a handler's changes came to; for the record of its run. */
export function computeChangeBytes(changes: EventChanges | undefined): number {
  return changes === undefined ? 0 : changes.event.byteLength;
}
