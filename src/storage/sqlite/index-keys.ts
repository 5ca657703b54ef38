import type { Json, JsonObject } from '../../core/json.ts';
import type { Path } from '../../core/query/filter.ts';
import { arrayPosition } from '../../core/query/find-values.ts';
import { type FoundValue, getOwn, isObjectValue } from '../../core/query/values.ts';
import { sortKeyParameter } from './sort-key.ts';
import type { SqlParameter } from './sql-condition.ts';

/**
 * A value as an index holds it (see `sort-key.ts`: SQLite orders these as our sorts do). Objects and arrays share one key,
 * because nothing looks them up by index; they must be there for an ordered walk to meet every document.
 */
export type IndexKey = SqlParameter;

export interface IndexKeys {
  readonly keys: readonly IndexKey[];
  /** True when an array or object was met: then the index order is not the sort order, and bounds may be met apart. */
  readonly irregular: boolean;
}

const compositeKey = new Uint8Array([1]);
const composite = Symbol('composite');

/** The key of a scalar; null for what an index cannot look up. */
export function toIndexKey(value: Json): IndexKey | null {
  return typeof value === 'object' && value !== null ? null : sortKeyParameter(value);
}

/**
 * All keys of a document for a path: one for each value that a predicate on the path could look at, with null for every
 * place where it is missing, so that equality, `$in` and comparison find a superset of the documents that match.
 */
export function computeIndexKeys(document: JsonObject, path: Path): IndexKeys {
  const [name] = path;
  if (path.length === 1 && name !== undefined) {
    const value = getOwn(document, name);
    if (typeof value !== 'object' || value === null) return { keys: [sortKeyParameter(value)], irregular: false };
  }
  const collector = new KeyCollector(path);
  collector.walk(document, 0);
  return collector.result();
}

class KeyCollector {
  readonly #path: Path;
  readonly #keys = new Map<Json | typeof composite, IndexKey>();
  #irregular = false;

  constructor(path: Path) {
    this.#path = path;
  }

  walk(value: FoundValue, depth: number): void {
    if (depth === this.#path.length) {
      this.#addLeaf(value);
    } else if (Array.isArray(value)) {
      this.#walkArray(value, depth);
    } else {
      const next = isObjectValue(value) ? getOwn(value, this.#path[depth]!) : undefined;
      if (next === undefined) this.#add(null);
      else this.walk(next, depth + 1);
    }
  }

  #walkArray(array: readonly Json[], depth: number): void {
    this.#irregular = true;
    // An array without anything to visit still needs a key, or an ordered walk of the index would not meet the document.
    this.#add(null);
    const position = arrayPosition(this.#path[depth]!);
    for (const [index, element] of array.entries()) {
      if (isObjectValue(element)) this.walk(element, depth);
      if (index === position) this.walk(element, depth + 1);
    }
  }

  #addLeaf(value: FoundValue): void {
    if (Array.isArray(value)) {
      this.#addComposite();
      for (const element of value as readonly Json[]) {
        if (typeof element === 'object' && element !== null) this.#addComposite();
        else this.#add(element);
      }
    } else if (isObjectValue(value)) {
      this.#addComposite();
    } else {
      this.#add(value ?? null);
    }
  }

  #add(value: Json): void {
    this.#keys.set(value, sortKeyParameter(value));
  }

  #addComposite(): void {
    this.#irregular = true;
    this.#keys.set(composite, compositeKey);
  }

  result(): IndexKeys {
    return { keys: [...this.#keys.values()], irregular: this.#irregular };
  }
}
