/**
 * Where mingo 7 answers the table of verdicts otherwise. In every case the table keeps to MongoDB (or, where the reason says
 * so, to a definition of ours), so mingo cannot decide alone.
 */
export interface MingoDifference {
  readonly reason: string;
  /** Group and filter, as the test names them. */
  readonly filters: readonly string[];
}

export const mingoDifferences: readonly MingoDifference[] = [
  {
    reason: 'MongoDB: greater or equal to null holds for missing fields as equality does. mingo wants the field.',
    filters: [
      'one field, every kind of value: {"a":{"$gte":null}}',
      'one field, every kind of value: {"a":{"$lte":null}}',
      'one field, every kind of value: {"a":{"$not":{"$gte":null}}}',
      'dotted paths, through objects and arrays: {"a.b":{"$gte":null}}',
    ],
  },
  {
    reason: 'MongoDB: arrays compare with arrays as wholes too. mingo compares their elements only.',
    filters: [
      'one field, every kind of value: {"a":{"$gt":[]}}',
      'one field, every kind of value: {"a":{"$gte":[]}}',
      'one field, every kind of value: {"a":{"$lt":[1,2]}}',
      'one field, every kind of value: {"a":{"$lte":[1,2]}}',
      'one field, every kind of value: {"a":{"$gt":[1]}}',
    ],
  },
  {
    reason: 'MongoDB: $in and $nin look at the whole array too, like equality. mingo looks at its elements only.',
    filters: [
      'one field, every kind of value: {"a":{"$in":[[1,2]]}}',
      'one field, every kind of value: {"a":{"$in":[[]]}}',
      'one field, every kind of value: {"a":{"$nin":[null,[]]}}',
    ],
  },
  {
    reason: 'Our JSON form of an expression within $in; MongoDB and mingo know a RegExp there only.',
    filters: ['one field, every kind of value: {"a":{"$in":[{"$regex":"A","$options":"i"},2]}}'],
  },
  {
    reason:
      'MongoDB: $type looks at the elements of an array too. mingo looks at the field, or ("a.b" behind an array) at what it gathered.',
    filters: [
      'one field, every kind of value: {"a":{"$type":"number"}}',
      'one field, every kind of value: {"a":{"$type":"null"}}',
      'one field, every kind of value: {"a":{"$type":"object"}}',
      'one field, every kind of value: {"a":{"$type":"int"}}',
      'dotted paths, through objects and arrays: {"a.b":{"$type":"number"}}',
      'dotted paths, through objects and arrays: {"a.b":{"$type":"array"}}',
      'dotted paths, through objects and arrays: {"a.b":{"$type":"null"}}',
    ],
  },
  {
    reason:
      'A matter of definition: documents are JSON, whose numbers have one type. We go by what a driver would store; mingo calls every number a double.',
    filters: [
      'one field, every kind of value: {"a":{"$type":"double"}}',
      'numbers: {"n":{"$type":"int"}}',
      'numbers: {"n":{"$type":"long"}}',
      'numbers: {"n":{"$type":"double"}}',
    ],
  },
  {
    reason:
      'MongoDB: $all of one value means equality, also for fields that are no arrays, and for arrays as wholes. mingo wants an array.',
    filters: [
      'one field, every kind of value: {"a":{"$all":[1]}}',
      'one field, every kind of value: {"a":{"$all":[[1,2]]}}',
      'one field, every kind of value: {"a":{"$all":[1,1]}}',
      'one field, every kind of value: {"a":{"$all":[null]}}',
      'one field, every kind of value: {"a":{"$all":["a"]}}',
      'one field, every kind of value: {"a":{"$all":["/^a/"]}}',
      '_id: {"_id":{"$all":["a"]}}',
    ],
  },
  {
    reason:
      'MongoDB: elements are tested as they are. mingo expands elements that are arrays once more, gathers "a.b" into an array that the document does not hold, and lets scalars pass where a filter for objects is asked.',
    filters: [
      'one field, every kind of value: {"a":{"$elemMatch":{"$gt":1}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"$gt":1,"$lt":2}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"$gte":1,"$lt":2}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"x":1}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"x":{"$gt":0}}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"x":{"$gt":1}}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"x":null}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"$not":{"$gt":1}}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"$ne":1}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"$in":[2]}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"$nin":[1,2]}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"0":1}}}',
      'one field, every kind of value: {"a":{"$elemMatch":{"$or":[{"x":1},{"x":2}]}}}',
      'one field, every kind of value: {"a":{"$not":{"$elemMatch":{"$gt":1}}}}',
      'one field, every kind of value: {"a":{"$all":[{"$elemMatch":{"$gt":0}},{"$elemMatch":{"$gt":1}}]}}',
      'dotted paths, through objects and arrays: {"a.b":{"$elemMatch":{"$gt":1}}}',
      'dotted paths, through objects and arrays: {"a":{"$elemMatch":{"b":1}}}',
      'dotted paths, through objects and arrays: {"a":{"$elemMatch":{"b":{"$gt":1}}}}',
      'dotted paths, through objects and arrays: {"a":{"$elemMatch":{"b":null}}}',
      'dotted paths, through objects and arrays: {"a":{"$elemMatch":{"b":{"$exists":false}}}}',
      'dotted paths, through objects and arrays: {"a":{"$elemMatch":{"b":{"$ne":1}}}}',
    ],
  },
  {
    reason:
      'MongoDB: $mod is for numbers, cut to whole ones. mingo takes null, true and texts for numbers, and does not cut.',
    filters: [
      'one field, every kind of value: {"a":{"$mod":[2,0]}}',
      'one field, every kind of value: {"a":{"$mod":[2,1]}}',
      'one field, every kind of value: {"a":{"$not":{"$mod":[2,0]}}}',
      'numbers: {"n":{"$mod":[2,1]}}',
      'numbers: {"n":{"$mod":[-2,1]}}',
      'numbers: {"n":{"$mod":[10,0]}}',
    ],
  },
  {
    reason:
      'MongoDB: a field is missing (and null) when any object of an array on the way lacks it, and what scalars and arrays within the array lack does not count. mingo asks about what it gathered. A segment of digits is also a name in those objects, and "00" is no position.',
    filters: [
      'dotted paths, through objects and arrays: {"a.b":null}',
      'dotted paths, through objects and arrays: {"a.b":{"$ne":null}}',
      'dotted paths, through objects and arrays: {"a.b":{"$exists":true}}',
      'dotted paths, through objects and arrays: {"a.b":{"$exists":false}}',
      'dotted paths, through objects and arrays: {"a.0":{"b":1}}',
      'dotted paths, through objects and arrays: {"a.00":1}',
      'dotted paths, through objects and arrays: {"a.0":null}',
      'dotted paths, through objects and arrays: {"a.1":null}',
      'dotted paths, through objects and arrays: {"a.0.b":null}',
      'dotted paths, through objects and arrays: {"a.b.c":null}',
      'dotted paths, through objects and arrays: {"a.b.c":{"$exists":false}}',
    ],
  },
  {
    reason:
      'Order by code point is ours (the binary order of both databases); MongoDB orders UTF-8 by byte, which is the same. mingo compares UTF-16 units.',
    filters: ['texts: order, prefixes, expressions, dates: {"s":{"$gt":"￿"}}'],
  },
  {
    reason: 'Plain data for us; mingo reads or refuses the prototype.',
    filters: [
      'names of fields: {"__proto__":1}',
      'names of fields: {"__proto__":{"$exists":false}}',
      'names of fields: {"__proto__.toString":{"$exists":true}}',
    ],
  },
  {
    reason: 'MongoDB: objects are equal when their keys stand in the same order. mingo does not mind the order.',
    filters: ['as apps ask: {"address":{"zip":"0150","city":"Oslo"}}'],
  },
];
