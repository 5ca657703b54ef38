import { TackleError } from '../errors.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Path } from './filter.ts';
import { parsePath } from './parse-filter.ts';
import { setOwn } from './stored-text.ts';
import { isObjectValue } from './values.ts';

/** Fields by dotted name: 1 to include, 0 to leave out. Plain data, as it crosses the storage port. */
export type ProjectionFields = Readonly<Record<string, 0 | 1>>;

/**
 * What a projection keeps. Including keeps the listed fields and `_id` (unless `_id: 0`); excluding keeps all others; with
 * both, what is listed with 0 is taken out of what is listed with 1.
 */
export interface Projection {
  readonly include: FieldTree | null;
  readonly exclude: FieldTree;
  readonly includeId: boolean;
}

/** Names of fields; `true` stands for the whole field. */
type FieldTree = ReadonlyMap<string, FieldTree | true>;

/**
 * Reads `{a: 1, 'b.c': 1, _id: 0}`, `{a: false}`, `['a', '-b']` or `"a,-b"`. Nothing (also `{}`) gives null: everything.
 * Throws `invalid_query` for values that are not 0, 1, true or false.
 */
export function parseProjectionFields(input: unknown): ProjectionFields | null {
  if (input === undefined || input === null || input === '') return null;
  const entries = readEntries(input);
  if (entries.length === 0) return null;
  const fields = {};
  for (const [name, flag] of entries) setOwn(fields, name, flag);
  return fields;
}

function readEntries(input: unknown): (readonly [string, 0 | 1])[] {
  if (typeof input === 'string' || Array.isArray(input)) {
    const names: unknown[] = typeof input === 'string' ? input.split(',').map((part) => part.trim()) : input;
    return names.filter((name) => name !== '').map(readSigned);
  }
  if (typeof input !== 'object' || input === null) return fail('takes an object, a list or "a,-b"');
  return Object.entries(input).map(([name, flag]) => [name, readFlag(name, flag)] as const);
}

function readSigned(name: unknown): readonly [string, 0 | 1] {
  if (typeof name !== 'string') return fail('a list holds names of fields');
  return name.startsWith('-') ? [name.slice(1), 0] : [name, 1];
}

function readFlag(name: string, flag: unknown): 0 | 1 {
  if (flag === 0 || flag === false || flag === '0') return 0;
  if (flag === true || flag === '1' || (typeof flag === 'number' && !Number.isNaN(flag))) return 1;
  return fail(`field "${name}" takes 1 or 0`);
}

function fail(problem: string): never {
  throw new TackleError('invalid_query', `projection: ${problem}`);
}

/** Throws `invalid_query` for paths that are too long. */
export function compileProjection(fields: ProjectionFields): Projection {
  const names = Object.keys(fields);
  const included = names.filter((name) => fields[name] === 1);
  const excluded = names.filter((name) => fields[name] === 0);
  const includedFields = included.filter((name) => name !== '_id');
  const onlyId = included.length > 0 && includedFields.length === 0;
  return {
    include: includedFields.length > 0 || onlyId ? buildTree(includedFields) : null,
    exclude: buildTree(excluded.filter((name) => name !== '_id')),
    includeId: !excluded.includes('_id'),
  };
}

function buildTree(names: readonly string[]): FieldTree {
  const root = new Map<string, FieldTree | true>();
  for (const name of names) addPath(root, parsePath(name));
  return root;
}

/** A whole field takes in its parts. */
function addPath(root: Map<string, FieldTree | true>, path: Path): void {
  let node = root;
  for (const segment of path.slice(0, -1)) {
    const known = node.get(segment);
    if (known === true) return;
    const next = (known as Map<string, FieldTree | true> | undefined) ?? new Map<string, FieldTree | true>();
    node.set(segment, next);
    node = next;
  }
  node.set(path.at(-1)!, true);
}

/** A new document with the chosen fields in their own order, `_id` last. */
export function applyProjection(projection: Projection, document: JsonObject): JsonObject {
  const { _id: id, ...fields } = document;
  const kept = projection.include === null ? fields : includeFields(fields, projection.include);
  const result = projection.exclude.size === 0 ? kept : excludeFields(kept, projection.exclude);
  return projection.includeId && id !== undefined ? { ...result, _id: id } : result;
}

function includeFields(object: JsonObject, tree: FieldTree): JsonObject {
  const result = {};
  for (const key of Object.keys(object)) {
    const part = tree.get(key);
    if (part === undefined) continue;
    const value = part === true ? object[key] : includeInside(object[key]!, part);
    if (value !== undefined) setOwn(result, key, value);
  }
  return result;
}

/** Of arrays, the objects are projected and the rest is dropped; a scalar has no such field. */
function includeInside(value: Json, tree: FieldTree): Json | undefined {
  if (isObjectValue(value)) return includeFields(value, tree);
  if (!Array.isArray(value)) return undefined;
  return value.map((element: Json) => includeInside(element, tree)).filter((element) => element !== undefined);
}

function excludeFields(object: JsonObject, tree: FieldTree): JsonObject {
  const result = {};
  for (const key of Object.keys(object)) {
    const part = tree.get(key);
    if (part !== true) setOwn(result, key, part === undefined ? object[key] : excludeInside(object[key]!, part));
  }
  return result;
}

function excludeInside(value: Json, tree: FieldTree): Json {
  if (isObjectValue(value)) return excludeFields(value, tree);
  return Array.isArray(value) ? value.map((element: Json) => excludeInside(element, tree)) : value;
}
