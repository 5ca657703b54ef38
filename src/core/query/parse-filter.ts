import type { FieldFilter, Filter, Path, Predicate } from './filter.ts';
import { queryLimits } from './limits.ts';
import { abbreviate, OperandReader } from './operands.ts';
import { isOperatorObject, type NestedParser, parseFieldCondition } from './parse-predicate.ts';

/**
 * Reads a filter in MongoDB's language: an object, the bare `_id` of a document, or nothing (matches everything). Values may
 * be those of JavaScript (Date, RegExp) or their JSON forms (ISO string, `{$date}`, `{$regex, $options}`). Throws
 * `invalid_query` naming the path and the operator.
 */
export function parseFilter(input: unknown): Filter {
  if (input === undefined || input === null) return { kind: 'and', filters: [] };
  if (typeof input === 'string') {
    return { kind: 'field', path: ['_id'], predicates: [{ op: 'eq', value: input }] };
  }
  return new FilterParser().parse(input, '', 0);
}

/** `a.b.0` as segments. Throws `invalid_query` when there are too many. */
export function parsePath(name: string): Path {
  const path = name.split('.');
  if (path.length > queryLimits.pathSegments) {
    new OperandReader('invalid_query').fail(abbreviate(name), `more than ${queryLimits.pathSegments} path segments`);
  }
  return path;
}

class FilterParser implements NestedParser {
  readonly operands = new OperandReader('invalid_query');
  #conditions = 0;

  countCondition(): void {
    this.#conditions += 1;
    if (this.#conditions > queryLimits.conditions) {
      this.operands.fail('', `more than ${queryLimits.conditions} conditions in one query`);
    }
  }

  parse(input: unknown, where: string, depth: number): Filter {
    this.operands.checkDepth(depth, where);
    if (!isFilterObject(input)) {
      return this.operands.fail(where, `a filter must be an object, not ${describe(input)}`);
    }
    const filters = Object.keys(input).flatMap((key) => this.#parseEntry(key, input[key], where, depth));
    return joinAnd(filters);
  }

  #parseEntry(key: string, value: unknown, where: string, depth: number): Filter[] {
    this.countCondition();
    const here = where === '' ? key : `${where}.${key}`;
    if (!key.startsWith('$')) {
      return [{ kind: 'field', path: parsePath(key), predicates: parseFieldCondition(this, value, here, depth) }];
    }
    switch (key) {
      case '$and':
        return this.#parseList(value, here, depth);
      case '$or':
        return [{ kind: 'or', filters: this.#parseList(value, here, depth) }];
      case '$nor':
        return [{ kind: 'nor', filters: this.#parseList(value, here, depth) }];
      case '$comment':
        return [];
      default:
        return this.operands.fail(abbreviate(here), 'unknown logical operator; known are $and, $or, $nor');
    }
  }

  #parseList(value: unknown, where: string, depth: number): Filter[] {
    if (!Array.isArray(value) || value.length === 0) {
      return this.operands.fail(where, `takes a non-empty array of filters, not ${describe(value)}`);
    }
    return value.map((element, index) => this.parse(element, `${where}[${index}]`, depth + 1));
  }
}

/** One conjunction without nested ones; conditions on the same path come together, so that bounds can share an index. */
function joinAnd(filters: readonly Filter[]): Filter {
  const others: Filter[] = [];
  const fields = new Map<string, Predicate[]>();
  const paths = new Map<string, Path>();
  for (const filter of filters.flatMap((entry) => (entry.kind === 'and' ? entry.filters : [entry]))) {
    if (filter.kind !== 'field') {
      others.push(filter);
      continue;
    }
    const name = filter.path.join('.');
    const known = fields.get(name);
    if (known) known.push(...filter.predicates);
    else fields.set(name, [...filter.predicates]);
    paths.set(name, filter.path);
  }
  const merged: FieldFilter[] = [];
  for (const [name, predicates] of fields) merged.push({ kind: 'field', path: paths.get(name)!, predicates });
  const all: Filter[] = [...merged, ...others];
  return all.length === 1 ? all[0]! : { kind: 'and', filters: all };
}

function isFilterObject(input: unknown): input is Record<string, unknown> {
  return (
    typeof input === 'object' &&
    input !== null &&
    !Array.isArray(input) &&
    !(input instanceof RegExp) &&
    !(input instanceof Date)
  );
}

export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (value instanceof RegExp) return 'a regular expression';
  if (value instanceof Date) return 'a date';
  return isOperatorObject(value) ? 'an operator object' : `a value of type ${typeof value}`;
}
