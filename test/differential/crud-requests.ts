import fc from 'fast-check';

export interface CrudRequest {
  readonly method: string;
  /** Path below the collection, with the query. */
  readonly path: string;
  readonly body?: string;
}

/** What collections hold before the requests, with ids that are the same everywhere. */
export const startingDocuments: readonly Record<string, unknown>[] = Array.from({ length: 24 }, (_, index) => ({
  name: ['Ann', 'Bob', 'Cid', 'Däg', 'eve', 'o,k'][index % 6],
  age: [1, 2, 3, 10, 20.5, -4, 0][index % 7],
  ...(index % 4 === 0 ? {} : { active: index % 3 === 0 }),
  ...(index % 5 === 0 ? { tags: ['red', 'blue', 'green'].slice(0, index % 4) } : {}),
  ...(index % 3 === 0 ? { address: { city: ['Oslo', 'Rome', 'Lyon'][index % 2], zip: 1000 + index } } : {}),
  ...(index % 6 === 1 ? { note: null } : {}),
  born: new Date(Date.UTC(1990 + index, index % 12, 1)).toISOString(),
  ...(index % 8 === 2 ? { code: ['007', '12', 'true'][index % 3] } : {}),
  _id: `doc-${String(index).padStart(2, '0')}`,
}));

const ids = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => `doc-${String(n).padStart(2, '0')}`) },
  { weight: 1, arbitrary: fc.constantFrom('000000000000000000000000', 'a%20b', 'x.y', '%C3%A4', '$ne', 'null', '_by') },
);
const fields = fc.constantFrom(
  'name',
  'age',
  'active',
  'tags',
  'address',
  'address.city',
  'address.zip',
  'note',
  'born',
  'code',
  'tags.0',
  'nope',
  '_id',
);
const words = fc.constantFrom(
  'Ann',
  'Bob',
  'Cid',
  'Däg',
  'eve',
  'red',
  'blue',
  'Oslo',
  'Rome',
  '007',
  'doc-05',
  'x',
  'true',
  'a b',
);
const numbers = fc.constantFrom(-4, 0, 1, 2, 3, 10, 20, 20.5, 1003, 1e3, 42);
const dates = fc.constantFrom('1995-06-01', '2000-01-01T00:00:00.000Z', '1999-12-31T23:59:59Z', '2001-02', '2010');
const values = fc.oneof(
  words,
  numbers.map(String),
  dates,
  fc.constantFrom(
    'true',
    'false',
    'null',
    '"quoted, text"',
    "'10'",
    '"10"',
    '!Ann',
    '!10',
    '/^[A-C]/',
    '/ANN/i',
    '/o,k/',
    '!/^A/',
    '1e2',
    ' 5',
    '0x10',
  ),
);
const lists = fc.array(values, { minLength: 1, maxLength: 3 }).map((list) => list.join(','));

/** One condition of the query language of URLs. */
const condition = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fields, values).map(([field, value]) => [field, value]) },
  { weight: 2, arbitrary: fc.tuple(fields, lists).map(([field, list]) => [field, list]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fields, fc.constantFrom('>', '<', '!'), values)
      .map(([field, operator, value]) => [field + operator, value]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fields, fc.constantFrom('>', '<'), values)
      .map(([field, operator, value]) => [`${field}${operator}${value}`, '']),
  },
  { weight: 2, arbitrary: fields.map((field) => [field, '']) },
  { weight: 1, arbitrary: fields.map((field) => [`!${field}`, '']) },
  { weight: 1, arbitrary: fields.map((field) => [field, '!']) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fields, fc.constantFrom('in', 'nin', 'all', 'gt', 'lte', 'ne', 'size', 'regex'), lists)
      .map(([field, operator, list]) => [`${field}:${operator}`, list]),
  },
) as fc.Arbitrary<[string, string]>;

const option = fc.oneof(
  fc.tuple(
    fc.constant('sort'),
    fc.constantFrom('name', '-name', 'age,-name', '-_id', '+age', 'address.city,-born', 'nope,-age', ' -age'),
  ),
  fc.tuple(fc.constant('limit'), fc.constantFrom('0', '1', '3', '1000')),
  fc.tuple(fc.constant('offset'), fc.constantFrom('0', '2', '100')),
  fc.tuple(fc.constant('fields'), fc.constantFrom('name', 'name,age', 'address.city', '_id', 'nope')),
  fc.tuple(fc.constant('omit'), fc.constantFrom('name', 'age,born', 'address', '_id')),
) as fc.Arbitrary<[string, string]>;

const operand = fc.oneof(words, numbers, fc.constantFrom(true, false, null), dates);
const comparison = fc
  .oneof(
    fc.tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte', '$eq', '$ne'), operand),
    fc.tuple(fc.constantFrom('$in', '$nin'), fc.array(operand, { maxLength: 3 })),
    fc.tuple(fc.constant('$exists'), fc.boolean()),
    fc.tuple(fc.constant('$regex'), fc.constantFrom('^A', 'b$', 'o.*o')),
    fc.tuple(fc.constantFrom('$startsWith', '$endsWith'), words),
    fc.tuple(fc.constant('$not'), fc.constant({ $gt: 2 })),
    fc.tuple(fc.constant('$unknown'), operand),
  )
  .map(([operator, value]) => ({ [operator as string]: value }));
const filter = fc.letrec<{ filter: object; simple: object }>((tie) => ({
  simple: fc.tuple(fields, fc.oneof(operand, comparison)).map(([field, wanted]) => ({ [field]: wanted })),
  filter: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    tie('simple'),
    fc.array(tie('simple'), { maxLength: 3 }).map((list) => Object.assign({}, ...list) as object),
    fc
      .tuple(fc.constantFrom('$and', '$or', '$nor'), fc.array(tie('filter'), { minLength: 1, maxLength: 3 }))
      .map(([name, list]) => ({ [name]: list })),
  ),
})).filter;
const hints = fc.constantFrom(
  ...[
    { $sort: { age: -1 }, $limit: 3 },
    { sort: { name: 1 }, limit: 2, offset: 1 },
    { count: true },
    { $onlycount: true },
    { $fields: { name: 1 } },
  ],
  ...[{ fields: { name: 0 } }, { $max: 2, $orderby: { _id: -1 } }, { projection: { age: 1 } }, {}],
);
const badJson = fc.constantFrom('{', '[1]', '"text"', 'null', '{"a":}', '{"$or":5}', '{"age":{"$in":3}}');

const encode = (text: string) => encodeURIComponent(text);
/** Operators in keys come raw from people and encoded from libraries. */
const pair = ([key, value]: readonly [string, string], raw: boolean) => {
  const name = raw ? key.replace(/[^\w.!<>:,-]/g, encode) : encode(key);
  return value === '' ? name : `${name}=${encode(value)}`;
};
const urlQuery = fc
  .tuple(fc.array(condition, { maxLength: 3 }), fc.array(option, { maxLength: 2 }), fc.boolean())
  .map(([conditions, options, raw]) =>
    uniqueKeys([...conditions, ...options])
      .map((item) => pair(item, raw))
      .join('&'),
  );
const jsonQuery = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: filter.map((wanted) => JSON.stringify(wanted)) },
      { weight: 1, arbitrary: badJson },
    ),
    fc.option(hints, { freq: 3 }),
    fc.array(option, { maxLength: 2 }),
  )
  .map(([q, h, options]) =>
    [...uniqueKeys([['q', q], ...(h === null ? [] : [['h', JSON.stringify(h)] as const]), ...options])]
      .map(([key, value]) => `${key}=${encode(value)}`)
      .join('&'),
  );
const query = fc.oneof({ weight: 3, arbitrary: urlQuery }, { weight: 2, arbitrary: jsonQuery });

function uniqueKeys(pairs: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  return [...new Map(pairs.map((item) => [item[0], item])).values()];
}

const document = fc
  .record(
    {
      name: fc.oneof(words, fc.constantFrom('', 'forbidden', 'a name that is longer than twenty characters'), numbers),
      age: fc.oneof(numbers, fc.constantFrom('12', null, 'old')),
      active: fc.oneof(fc.boolean(), fc.constant('yes')),
      tags: fc.array(words, { maxLength: 3 }),
      address: fc.record({ city: words, zip: numbers }, { requiredKeys: [] }),
      born: dates,
      'dotted.key': numbers,
      extra: fc.constantFrom({ deep: [{ x: [1, { y: null }] }] }, [], {}, 'Ünïcödé ✓ \u0000'),
    },
    { requiredKeys: ['name'] },
  )
  .map((fieldsOf) => fieldsOf as Record<string, unknown>);
const oddBody = fc.constantFrom('', '{', '[]', '[{"name":"Ann"},{"name":"Bob"}]', '"text"', '5', 'null', '{}');
const patch = fc.oneof(
  { weight: 3, arbitrary: document },
  {
    weight: 3,
    arbitrary: fc.constantFrom<object>(
      ...[
        { $set: { name: 'Zed', 'a.b': 1 } },
        { $inc: { age: 1 } },
        { $inc: { fresh: 2.5 } },
        { $push: { tags: 'new' } },
        { $unset: { note: '' } },
      ],
      ...[
        { $addToSet: { tags: 'red' } },
        { $pull: { tags: 'red' } },
        { $pullAll: { tags: ['red', 'blue'] } },
        { $pop: { tags: 1 } },
        { $rename: { code: 'kode' } },
      ],
      ...[
        { $inc: { name: 1 } },
        { $push: { name: 1 } },
        { $nope: { a: 1 } },
        { $set: {} },
        { address: { city: 'Bonn' } },
        { _id: 'other', x: 1 },
        {},
      ],
    ),
  },
);
const text = (body: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 12, arbitrary: body.map((value) => JSON.stringify(value)) }, { weight: 1, arbitrary: oddBody });
/** Changes by query that leave most documents in place. */
const narrowQuery = fc.oneof(
  ids.map((id) => `_id=${id}`),
  numbers.map((age) => `age=${age}&name=Ann`),
  fc.tuple(words, numbers).map(([name, age]) => `q=${encode(JSON.stringify({ name, age: { $lt: age } }))}`),
  fc.constantFrom('q={', 'age:nope=1'),
);

export const crudRequest: fc.Arbitrary<CrudRequest> = fc.oneof(
  { weight: 24, arbitrary: query.map((search) => ({ method: 'GET', path: search === '' ? '' : `?${search}` })) },
  { weight: 6, arbitrary: ids.map((id) => ({ method: 'GET', path: `/${id}` })) },
  {
    weight: 8,
    arbitrary: text(
      fc.tuple(document, fc.option(ids, { freq: 3 })).map(([value, _id]) => (_id === null ? value : { ...value, _id })),
    ).map((body) => ({ method: 'POST', path: '', body })),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(ids, text(document)).map(([id, body]) => ({ method: 'PUT', path: `/${id}`, body })),
  },
  { weight: 8, arbitrary: fc.tuple(ids, text(patch)).map(([id, body]) => ({ method: 'PATCH', path: `/${id}`, body })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(narrowQuery, text(patch))
      .map(([search, body]) => ({ method: 'PATCH', path: `/_byquery?${search}`, body })),
  },
  { weight: 2, arbitrary: ids.map((id) => ({ method: 'DELETE', path: `/${id}` })) },
  { weight: 1, arbitrary: narrowQuery.map((search) => ({ method: 'DELETE', path: `/_byquery?${search}` })) },
);
