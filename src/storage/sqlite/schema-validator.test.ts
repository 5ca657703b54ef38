/** Real: ajv with the bounded regular expressions. What is hostile here must end quickly, whatever it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../core/json.ts';
import { measureSchema } from './measure-schema.ts';
import { SchemaValidators } from './schema-validator.ts';

const text = (length: number): string => 'a'.repeat(length);

function check(validators: SchemaValidators, schema: JsonObject, document: JsonObject, space = 's'): void {
  validators.check({ space, name: 'c', schema }, document);
}

test('all errors are told, as ajv tells them', () => {
  const schema = { required: ['a'], properties: { b: { type: 'number' }, c: { format: 'email' } } };
  assert.throws(
    () => check(new SchemaValidators(), schema, { b: 'x', c: 'y' }),
    (error: { code: string; details: { schemaError: { keyword: string; instancePath: string }[] } }) => {
      assert.equal(error.code, 'schema_violation');
      const keywords = error.details.schemaError.map(({ keyword, instancePath }) => [keyword, instancePath]);
      assert.deepEqual(keywords, [
        ['required', ''],
        ['type', '/b'],
        ['format', '/c'],
      ]);
      return true;
    },
  );
});

test('formats and patterns mean what they mean in ajv', () => {
  const validators = new SchemaValidators();
  const accepts = (schema: JsonObject, value: string): boolean => {
    try {
      check(validators, { properties: { v: schema } }, { v: value });
      return true;
    } catch {
      return false;
    }
  };
  const cases: [JsonObject, string, boolean][] = [
    [{ format: 'email' }, 'a@b.co', true],
    [{ format: 'email' }, 'a@', false],
    [{ format: 'date-time' }, '2025-01-01T00:00:00Z', true],
    [{ format: 'date-time' }, '2025-13-01T00:00:00Z', false],
    [{ format: 'date' }, '2025-02-30', false],
    [{ format: 'uri' }, 'https://example.com/x?y#z', true],
    [{ format: 'uri' }, 'no uri', false],
    [{ format: 'uuid' }, '123e4567-e89b-12d3-a456-426614174000', true],
    [{ format: 'ipv4' }, '1.2.3.256', false],
    [{ pattern: '^\\p{L}+$' }, 'äß', true],
    [{ pattern: '^[a-c]{2}$' }, 'abc', false],
  ];
  for (const [schema, value, expected] of cases) {
    assert.equal(accepts(schema, value), expected, `${JSON.stringify(schema)} ${value}`);
  }
});

test('a pattern or a format that backtracks ends after a bounded number of steps', () => {
  const validators = new SchemaValidators();
  const started = performance.now();
  const hostile: [JsonObject, string][] = [
    [{ pattern: '^(a+)+$' }, `${text(5_000)}!`],
    [{ pattern: '^(a|a)*$' }, `${text(5_000)}!`],
    [{ format: 'email' }, `a@${text(200_000)}!`],
    [{ format: 'uri' }, `https://${text(200_000)} `],
    [{ format: 'hostname' }, `${text(200_000)}!`],
  ];
  for (const [schema, value] of hostile) {
    assert.throws(() => check(validators, { properties: { v: schema } }, { v: value }));
  }
  assert.ok(performance.now() - started < 3_000, `${performance.now() - started} ms`);
});

test('a recursive schema works, and one that multiplies is stopped and then refused to its space for a while', () => {
  const validators = new SchemaValidators();
  const tree = { properties: { children: { items: { $ref: '#' } }, n: { type: 'number' } } };
  check(validators, tree, { children: [{ n: 1 }, { children: [{ n: 2 }] }] });
  assert.throws(() => check(validators, tree, { children: [{ n: 'x' }] }), { code: 'schema_violation' });

  const bomb: JsonObject = { properties: { x: { allOf: [{ $ref: '#' }, { $ref: '#' }] } } };
  let document: JsonObject = {};
  for (let depth = 0; depth < 60; depth += 1) document = { x: document };
  const started = performance.now();
  assert.throws(() => check(validators, bomb, document), { code: 'invalid_request', message: /longer than/ });
  assert.throws(() => check(validators, bomb, {}), { code: 'invalid_request', message: /a moment ago/ });
  assert.ok(performance.now() - started < 1_000);
  check(validators, tree, { n: 1 }, 'another space');
});

test('what is no schema is refused', () => {
  const validators = new SchemaValidators();
  const schemas: JsonObject[] = [{ type: 'nonsense' }, { pattern: '(' }, { $ref: '#/nowhere' }, { x: text(300_000) }];
  for (const schema of schemas) {
    assert.throws(
      () => validators.checkSchema(schema),
      { code: 'invalid_request' },
      JSON.stringify(schema).slice(0, 50),
    );
  }
});

test('references are counted where they are used, recursion is infinite', () => {
  assert.deepEqual(measureSchema({ a: { b: [1, {}] } }), { nodes: 4, hasUniqueItems: false });
  const shared = { $defs: { d: { properties: { x: {} } } }, allOf: [{ $ref: '#/$defs/d' }, { $ref: '#/$defs/d' }] };
  assert.equal(measureSchema(shared).nodes, 1 + 1 + 3 + 1 + 2 * (1 + 3));
  assert.equal(measureSchema({ items: { $ref: '#' } }).nodes, Number.POSITIVE_INFINITY);
  assert.equal(measureSchema({ $ref: 'other.json' }).nodes, Number.POSITIVE_INFINITY);
  assert.equal(measureSchema({ items: { uniqueItems: true } }).hasUniqueItems, true);
});
