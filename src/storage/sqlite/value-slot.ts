import { always, condition, never, type SqlCondition } from './sql-condition.ts';

/** SQL that yields the JSON text of an object (or NULL), and how many json_each stand around it, for names. */
export interface JsonSource {
  readonly json: string;
  readonly depth: number;
}

/** Where one value stands in SQL: expressions for its JSON type (NULL when missing) and its value (JSON text of composites). */
export interface Slot {
  readonly type: string;
  readonly value: string;
  /** Arguments of json_each and json_array_length that reach into it when it is an array. */
  readonly each: string;
  readonly depth: number;
  readonly isId?: boolean;
}

/** The value of a field. */
export function fieldSlot(source: JsonSource, path: string): Slot {
  const at = `${source.json},${path}`;
  return { type: `json_type(${at})`, value: `json_extract(${at})`, each: at, depth: source.depth };
}

/** An element of an array; `alias` names the json_each that lists it. */
export function elementSlot(depth: number): Slot & { readonly alias: string } {
  const alias = `e${depth}`;
  // The CASE keeps SQLite from reading a text as JSON, whatever the order in which it evaluates conditions.
  const each = `CASE WHEN ${alias}.type='array' THEN ${alias}.value END`;
  return { alias, type: `${alias}.type`, value: `${alias}.value`, each, depth: depth + 1 };
}

/** An element of an array that is an object or an array, to look inside. */
export function elementSource(depth: number): JsonSource {
  const { alias } = elementSlot(depth);
  return { json: `CASE WHEN ${alias}.type IN ('object','array') THEN ${alias}.value END`, depth: depth + 1 };
}

/** The `_id`, a text in a column of its own. */
export function idSlot(column: string): Slot {
  return { type: "'text'", value: column, each: 'NULL', depth: 0, isId: true };
}

export type SqlType = 'null' | 'integer' | 'real' | 'text' | 'object' | 'array' | 'true' | 'false';

export function hasType(slot: Slot, ...types: SqlType[]): SqlCondition {
  if (slot.isId) return types.includes('text') ? always : never;
  const [only] = types;
  return condition(
    types.length === 1 ? `${slot.type}='${only}'` : `${slot.type} IN (${types.map((type) => `'${type}'`)})`,
  );
}
