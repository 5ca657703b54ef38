/** Projections: their spellings and what they keep. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../json.ts';
import { applyProjection, compileProjection, parseProjectionFields } from './projection.ts';

const document: JsonObject = {
  name: 'x',
  nested: { a: 1, b: { c: 2, d: 3 } },
  list: [{ a: 1, b: 2 }, 5, [{ a: 3, b: 4 }], { b: 6 }],
  'dotted.name': 7,
  _id: 'i',
};

function project(input: unknown): JsonObject {
  const fields = parseProjectionFields(input);
  return fields === null ? document : applyProjection(compileProjection(fields), document);
}

test('included fields stay, in the order of the document, with _id unless it is refused', () => {
  assert.deepEqual(Object.entries(project({ nested: 1, name: 1 })), [
    ['name', 'x'],
    ['nested', document.nested],
    ['_id', 'i'],
  ]);
  assert.deepEqual(project({ name: 1, _id: 0 }), { name: 'x' });
  assert.deepEqual(project({ name: true, _id: 1 }), { name: 'x', _id: 'i' });
  assert.deepEqual(project({ _id: 1 }), { _id: 'i' });
  assert.deepEqual(project({ unknown: 1 }), { _id: 'i' });
});

test('excluded fields go, and _id stays unless it is excluded', () => {
  assert.deepEqual(Object.keys(project({ nested: 0, list: 0 })), ['name', 'dotted.name', '_id']);
  assert.deepEqual(Object.keys(project({ _id: 0 })), ['name', 'nested', 'list', 'dotted.name']);
});

test('mixed projections take what is excluded out of what is included', () => {
  assert.deepEqual(project({ nested: 1, 'nested.b.c': 0 }), { nested: { a: 1, b: { d: 3 } }, _id: 'i' });
});

test('nested paths reach through objects and arrays', () => {
  assert.deepEqual(project({ 'nested.b.c': 1, _id: 0 }), { nested: { b: { c: 2 } } });
  assert.deepEqual(project({ 'list.a': 1, _id: 0 }), { list: [{ a: 1 }, [{ a: 3 }], {}] });
  assert.deepEqual(project({ 'list.a': 0 }).list, [{ b: 2 }, 5, [{ b: 4 }], { b: 6 }]);
  assert.deepEqual(project({ 'name.x': 1 }), { _id: 'i' });
  assert.deepEqual(
    project({ nested: 1, 'nested.a': 1, _id: 0 }),
    { nested: document.nested },
    'the whole takes in its part',
  );
});

test('lists and comma lists are understood', () => {
  assert.deepEqual(project('name,_id'), project({ name: 1 }));
  assert.deepEqual(project(['name']), project({ name: 1 }));
  assert.deepEqual(project('-nested, -list'), project({ nested: 0, list: 0 }));
  for (const nothing of [undefined, null, '', {}, []]) assert.deepEqual(project(nothing), document);
});

test('what is no projection is refused', () => {
  for (const input of [5, true, { a: 'yes' }, { a: { $slice: 1 } }, [5]]) {
    assert.throws(() => project(input), { code: 'invalid_query', message: /^projection: / });
  }
});

test('the name __proto__ is a field like any other', () => {
  const hostile = JSON.parse('{"__proto__":{"admin":true},"a":1}') as JsonObject;
  const fields = parseProjectionFields(JSON.parse('{"__proto__":1}'));
  const result = applyProjection(compileProjection(fields!), hostile);
  assert.deepEqual(Object.keys(result), ['__proto__']);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
});
