import fc from 'fast-check';
import type { JsonObject } from '../../json.ts';

/**
 * Generators of documents and filters for property tests. In the `small` universe few values meet few names, so that
 * conditions often hold of some documents and not of others; the `odd` one holds what has been wrong in query engines before.
 */
export interface QueryArbitraries {
  readonly value: fc.Arbitrary<unknown>;
  readonly document: fc.Arbitrary<JsonObject>;
  /** Documents with ids of their own. */
  readonly documents: fc.Arbitrary<JsonObject[]>;
  /** Dotted names. */
  readonly path: fc.Arbitrary<string>;
  /** Filters as apps write them, in their JSON form. */
  readonly filter: fc.Arbitrary<Record<string, unknown>>;
}

interface Universe {
  readonly scalar: fc.Arbitrary<unknown>;
  readonly name: fc.Arbitrary<string>;
  readonly segments: fc.Arbitrary<string[]>;
  readonly text: fc.Arbitrary<string>;
  readonly id: fc.Arbitrary<string>;
}

const smallName = fc.constantFrom('a', 'b');
const smallUniverse: Universe = {
  scalar: fc.constantFrom<unknown>(1, 2, 'a', 'ab', true, null),
  name: smallName,
  segments: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(smallName) },
    { weight: 3, arbitrary: fc.tuple(smallName, smallName) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom('a', 'b', '0'), { minLength: 2, maxLength: 3 }) },
  ),
  text: fc.constantFrom('a', 'ab', ''),
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
};

const numbers = [0, -0, 1, -1, 3.5, 0.1, 1e300, 5e-324, 2 ** 53, 2 ** 53 + 2, 2 ** 60, -(2 ** 63), 1e20, 1e21];
const texts = [
  ...['', 'a', 'ab', 'b', 'A', '1', 'true', 'null', '{"b":1}', '[1]', '2024-01-02T03:04:05.678Z', "it's", 'q"q', '\n'],
  ...['é', 'z\u0301', '\u{1f600}', '\u{1f600}b', '\uffff', '\ue000', '\ue001', '\ue801', '\0', 'a\0', 'a\0b', '\u0001'],
  ...['\u0002', '\u0001\u0001', '\ud83d', '\ude00', 'a\ud83d', 'b\\', 'a%', 'a_', '\u{10ffff}', '\ud7ff'],
];
const oddNames = ['0', '1', 'a.b', 'é', 'q"q', '', '__proto__', 'x y', "it's", '\ue000', 'a\0', 'toString', '\\', '$x'];
const oddName = fc.oneof({ weight: 5, arbitrary: smallName }, { weight: 1, arbitrary: fc.constantFrom(...oddNames) });
const oddUniverse: Universe = {
  scalar: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom<unknown>(true, false, null) },
    { weight: 4, arbitrary: fc.constantFrom(...numbers) },
    { weight: 4, arbitrary: fc.constantFrom(...texts) },
    { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
  ),
  name: oddName,
  segments: fc.oneof(
    { weight: 4, arbitrary: fc.array(oddName, { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom<string>('a', 'b', '0', '1'), { minLength: 1, maxLength: 6 }) },
    { weight: 1, arbitrary: fc.constantFrom<string[]>(['_id'], ['_id', 'a'], ['a', '_id']) },
  ),
  text: fc.constantFrom(...texts),
  id: fc.oneof(fc.constantFrom(...texts), fc.string({ maxLength: 3 })),
};

const typeNames = ['number', 'int', 'long', 'double', 'string', 'object', 'array', 'bool', 'null', 'date'];
const patterns = ['a', '^a', '^ab', 'b$', '^$', '.', 'a|b', '^a*', '^ab?', '^[ab]+$', '^\\w', '(?=a)', '^a\\.', '^é'];
const regex = fc.record({ $regex: fc.constantFrom(...patterns), $options: fc.constantFrom('', 'i', 's') });

const operator = (name: string, operand: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> =>
  operand.map((value) => ({ [name]: value }));
const merge = (parts: readonly Record<string, unknown>[]): Record<string, unknown> => Object.assign({}, ...parts);

function buildDocuments({ scalar, name, id }: Universe): Omit<QueryArbitraries, 'path' | 'filter'> {
  const { value, object } = fc.letrec<{ value: unknown; object: JsonObject }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      { weight: 4, arbitrary: scalar },
      { weight: 2, arbitrary: tie('object') },
      { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3, size: 'max' }) },
    ),
    object: fc
      .array(fc.tuple(name, tie('value')), { maxLength: 3, size: 'max' })
      .map((entries) => Object.fromEntries(entries) as JsonObject),
  }));
  const document = fc.tuple(object, id).map(([fields, _id]) => ({ ...fields, _id }) as JsonObject);
  const documents = fc.uniqueArray(document, { minLength: 3, maxLength: 8, size: 'max', selector: (one) => one._id });
  return { value, document, documents };
}

function buildFilters(
  { scalar, segments, text }: Universe,
  value: fc.Arbitrary<unknown>,
): fc.Arbitrary<Record<string, unknown>> {
  const path = segments.map((parts) => parts.join('.')).filter((name) => !name.startsWith('$'));
  // A compared object must not look like operators.
  const composite = value.filter((one) => !JSON.stringify(one).includes('"$'));
  const operand = fc.oneof({ weight: 3, arbitrary: scalar }, { weight: 1, arbitrary: composite });
  const list = fc.array(operand, { maxLength: 12 });
  const { filter } = fc.letrec<{ filter: Record<string, unknown>; operators: Record<string, unknown> }>((tie) => ({
    operators: fc
      .array(
        fc.oneof(
          { maxDepth: 2, depthIdentifier: 'filter' },
          ...['$eq', '$ne', '$gt', '$gte', '$lt', '$lte'].map((name) => operator(name, operand)),
          ...['$in', '$nin', '$all'].map((name) => operator(name, list)),
          operator('$in', fc.array(fc.oneof(operand, regex), { maxLength: 3 })),
          operator('$exists', fc.boolean()),
          operator('$type', fc.constantFrom(...typeNames)),
          operator('$size', fc.nat(3)),
          operator('$mod', fc.tuple(fc.constantFrom(2, 3, -2), fc.constantFrom(0, 1, -1))),
          operator('$startsWith', text),
          operator('$endsWith', text),
          regex,
          operator('$not', tie('operators')),
          operator('$elemMatch', tie('operators')),
          operator('$elemMatch', tie('filter')),
        ),
        { minLength: 1, maxLength: 2 },
      )
      .map(merge),
    filter: fc.oneof(
      { maxDepth: 2, depthIdentifier: 'filter' },
      { weight: 2, arbitrary: fc.tuple(path, operand).map((entry) => Object.fromEntries([entry])) },
      { weight: 8, arbitrary: fc.tuple(path, tie('operators')).map((entry) => Object.fromEntries([entry])) },
      { weight: 1, arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map(merge) },
      ...['$and', '$or', '$nor'].map((name) => operator(name, fc.array(tie('filter'), { minLength: 1, maxLength: 3 }))),
    ),
  }));
  return filter;
}

function build(universe: Universe): QueryArbitraries {
  const documents = buildDocuments(universe);
  const path = universe.segments.map((segments) => segments.join('.'));
  return { ...documents, path, filter: buildFilters(universe, documents.value) };
}

export const small = build(smallUniverse);
export const odd = build(oddUniverse);
