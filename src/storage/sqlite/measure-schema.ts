import type { Json, JsonObject } from '../../core/json.ts';
import { isObjectValue } from '../../core/query/values.ts';

export interface SchemaMeasure {
  /** Objects and arrays of the schema, what is referred to counted at each reference; infinite for recursive schemas. */
  readonly nodes: number;
  /** `uniqueItems` compares every element with every other one. */
  readonly hasUniqueItems: boolean;
}

/** References that cannot be followed by reading alone. */
const dynamicKeywords = ['$dynamicRef', '$recursiveRef', '$anchor', '$dynamicAnchor'];
const mostNodes = 1_000_000;

/** How much work checking one value of a document can be, at most. */
export function measureSchema(schema: JsonObject): SchemaMeasure {
  const measure = new Measure(schema);
  return { nodes: measure.count(schema), hasUniqueItems: measure.hasUniqueItems };
}

class Measure {
  readonly #root: JsonObject;
  readonly #known = new Map<string, number>();
  readonly #open = new Set<string>();
  hasUniqueItems = false;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  count(value: Json): number {
    if (typeof value !== 'object' || value === null) return 0;
    if (Array.isArray(value)) return value.reduce<number>((sum, element: Json) => sum + this.count(element), 1);
    let nodes = 1;
    for (const [key, inner] of Object.entries(value)) {
      if (dynamicKeywords.includes(key)) return Number.POSITIVE_INFINITY;
      if (key === 'uniqueItems' && inner === true) this.hasUniqueItems = true;
      nodes += key === '$ref' && typeof inner === 'string' ? this.#countReference(inner) : this.count(inner);
    }
    return nodes > mostNodes ? Number.POSITIVE_INFINITY : nodes;
  }

  #countReference(reference: string): number {
    const known = this.#known.get(reference);
    if (known !== undefined) return known;
    if (this.#open.has(reference)) return Number.POSITIVE_INFINITY;
    const target = this.#resolve(reference);
    if (target === undefined) return Number.POSITIVE_INFINITY;
    this.#open.add(reference);
    const nodes = this.count(target);
    this.#open.delete(reference);
    this.#known.set(reference, nodes);
    return nodes;
  }

  /** JSON pointers within the schema; undefined for everything else. */
  #resolve(reference: string): Json | undefined {
    if (reference !== '#' && !reference.startsWith('#/')) return undefined;
    let current: Json | undefined = this.#root;
    for (const part of reference.split('/').slice(1)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      if (Array.isArray(current)) current = current[Number(key)] as Json | undefined;
      else current = isObjectValue(current) && Object.hasOwn(current, key) ? current[key] : undefined;
    }
    return current;
  }
}

/** Values in a document, itself included. */
export function countValues(value: Json): number {
  if (typeof value !== 'object' || value === null) return 1;
  let count = 1;
  for (const inner of Object.values(value)) count += countValues(inner);
  return count;
}
