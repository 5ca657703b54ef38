import { TackleError } from '../core/errors.ts';
import { isPlainObject, type Json, type JsonObject } from '../core/json.ts';
import { encodeStoredBody } from '../core/query/stored-text.ts';
import type { NewTask } from '../ports/storage/tasks.ts';
import type { Command } from '../ports/storage.ts';
import { encodePayload } from '../queues/payload.ts';
import { readEnqueueOptions } from './enqueue-options.ts';

/** Documents, keys and tasks of one transaction together. */
const mostWrites = 1_000;

export interface TransactionWrites {
  readonly commands: readonly Command[];
  readonly tasks: readonly NewTask[];
}

/** Turns what the SDK buffered into commands. It comes from app code: everything is checked. */
export function readTransaction(
  space: string,
  params: Readonly<Record<string, unknown>>,
  nowMs: number,
): TransactionWrites {
  const documents = readList(params.documents, 'documents');
  const keys = readList(params.keys, 'keys');
  const tasks = readList(params.tasks, 'tasks').map((entry) => readTask(space, entry, nowMs));
  const count = documents.length + keys.length + tasks.length;
  if (count > mostWrites) {
    throw new TackleError('invalid_request', `A transaction may hold ${mostWrites} entries, this one has ${count}.`);
  }
  const commands: Command[] = documents.flatMap((entry) => readDocument(space, entry));
  commands.push(...keys.map((entry) => readKey(space, entry, nowMs)));
  return { commands, tasks };
}

function readDocument(space: string, entry: JsonObject): Command[] {
  const collection = readText(entry.collection, 'collection');
  const id = readText(entry.id, 'id');
  const revision = typeof entry.revision === 'number' ? entry.revision : null;
  const expect: Command = { kind: 'document.expect', space, collection, id, revision };
  if (entry.isRead === true) return [expect];
  const { document } = entry;
  const targets = [{ id }];
  if (document === null || document === undefined) {
    return revision === null
      ? [expect]
      : [expect, { kind: 'document.remove', space, collection, targets, mode: 'each' }];
  }
  if (!isPlainObject(document))
    throw new TackleError('invalid_request', 'A document of a transaction must be an object.');
  const body = encodeStoredBody(document as JsonObject);
  if (revision === null) return [expect, { kind: 'document.insert', space, collection, documents: [{ id, body }] }];
  const change = { type: 'replace', body } as const;
  return [expect, { kind: 'document.write', space, collection, targets, mode: 'each', change }];
}

function readKey(space: string, entry: JsonObject, nowMs: number): Command {
  const key = readText(entry.key, 'key');
  const keyspace = entry.keyspace === null || entry.keyspace === undefined ? '' : readText(entry.keyspace, 'keyspace');
  if (entry.remove === true) return { kind: 'keyvalue.remove', space, keyspace, key };
  const ttlMs = typeof entry.ttlMs === 'number' && entry.ttlMs > 0 ? entry.ttlMs : null;
  const value = encodePayload(entry.value ?? null, `The value of the key "${key}"`);
  return {
    kind: 'keyvalue.set',
    space,
    keyspace,
    key,
    value,
    expiresAtMs: ttlMs === null ? null : nowMs + ttlMs,
  };
}

function readTask(space: string, entry: JsonObject, nowMs: number): NewTask {
  const topic = readText(entry.topic, 'topic');
  const payload = encodePayload(entry.payload ?? null, `The payload for "${topic}"`);
  const options = isPlainObject(entry.options) ? (entry.options as Record<string, Json>) : {};
  return { space, topic, payload, ...readEnqueueOptions(options, nowMs) };
}

function readList(value: unknown, name: string): JsonObject[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every(isPlainObject)) return value as JsonObject[];
  throw new TackleError('invalid_request', `The parameter "${name}" must be a list of objects.`);
}

function readText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new TackleError('invalid_request', `The parameter "${name}" must be a string.`);
}
