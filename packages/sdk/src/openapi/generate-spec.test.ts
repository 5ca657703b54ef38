/**
 * Documents of apps of every kind, held against a public validator in both forms. Real: the generator, Zod 3 and 4, Yup, the
 * validator (@readme/openapi-parser). Fake: nothing; no app is run.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileErrors, validate } from '@readme/openapi-parser';
import fc from 'fast-check';
import * as yup from 'yup';
import { z } from 'zod';
import { z as z3 } from 'zod/v3';
import { Codehooks } from '../codehooks.ts';
import type { Untyped } from '../types.ts';
import { generateSpec } from './generate-spec.ts';
import { body, header, openapi, param, query, response } from './helpers.ts';
import type { OpenAPIConfig } from './openapi-types.ts';
import type { OpenApiVersion } from './schema-dialect.ts';

const versions: readonly OpenApiVersion[] = ['3.0', '3.1'];

/** The document, after it has passed the validator. */
async function describeApp(
  setUp: (app: Codehooks) => unknown,
  version: OpenApiVersion = '3.0',
  config: OpenAPIConfig = {},
): Promise<Untyped> {
  const app = new Codehooks();
  await setUp(app);
  const spec = generateSpec(app, config, { version, serverUrl: '.' });
  const text = JSON.stringify(spec);
  const result = await validate(JSON.parse(text));
  if (!result.valid) assert.fail(`${compileErrors(result)}\n${JSON.stringify(spec, null, 1)}`);
  return JSON.parse(text);
}

const zodOf = (lib: typeof z) =>
  lib.object({
    email: lib.string().email().describe('Where answers go'),
    code: lib
      .string()
      .regex(/^[a-z]+$/)
      .length(5),
    age: lib.number().int().gt(0).lte(150).nullable(),
    ratio: lib.number().gt(0).lt(1).multipleOf(0.25),
    tags: lib.array(lib.string()).min(1).max(5),
    state: lib.enum(['open', 'done']).default('open'),
    kind: lib.literal('order'),
    pair: lib.tuple([lib.string(), lib.number()]),
    when: lib.date().optional(),
    link: lib.union([lib.string().url(), lib.null()]),
    more: lib.record(lib.string(), lib.boolean()),
    nested: lib.object({ deep: lib.array(lib.object({ x: lib.any() })) }).strict(),
    both: lib.intersection(lib.object({ a: lib.string() }), lib.object({ b: lib.number() })),
  });

const yupSchema = yup.object({
  name: yup.string().required().min(2).max(40).matches(/^\w+$/),
  mail: yup.string().email().nullable(),
  age: yup.number().integer().moreThan(0).lessThan(200),
  list: yup.array(yup.object({ n: yup.number().required() })).length(2),
  state: yup.string().nullable().oneOf(['a', 'b', null]),
  born: yup.date().default(() => new Date(0)),
  any: yup.mixed(),
});

const jsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://example.com/order',
  type: 'object',
  properties: {
    id: { type: ['string', 'null'], examples: ['a'] },
    kind: { const: 'order' },
    price: { type: 'number', exclusiveMinimum: 0 },
    lines: { type: 'array', items: { $ref: '#/$defs/line' } },
    parent: { $ref: '#' },
    size: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    loose: { type: ['string', 'number'] },
    pair: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }] },
  },
  patternProperties: { '^x-': { type: 'string' } },
  required: ['kind'],
  $defs: { line: { type: 'object', properties: { next: { $ref: '#/$defs/line' }, n: { type: 'integer' } } } },
};

function addRoutes(app: Codehooks): void {
  const handle = () => undefined;
  app.get('/', handle);
  app.get(
    '/users/:id',
    openapi({ operationId: 'user', summary: 'One', responses: { 200: response('User', zodOf(z)) } }),
    handle,
  );
  // The same path under another name of the parameter, and an operation id that is taken.
  app.put(
    '/users/:userId',
    openapi({ operationId: 'user', requestBody: body(zodOf(z3 as never)), parameters: [param('userId')] }),
    handle,
  );
  app.delete('/users/:name', handle);
  app.post('/yup', openapi({ requestBody: body(yupSchema, { description: 'By Yup' }) }), handle);
  app.post('/json', openapi({ requestBody: body(jsonSchema), responses: {} }), handle);
  app.get(
    '/found',
    openapi({
      parameters: [query('q', { schema: z.string().min(1) }), header('x-page'), param('not-here')],
      responses: { 200: {} as never, 404: response('None', { type: 'string', nullable: true, example: 'x' }) },
      tags: ['Search'],
      deprecated: true,
      security: [{ bearerAuth: [] }],
    }),
    handle,
  );
  app.all('/every', handle);
  app.get('/files/*', handle);
  app.get(/^\/hidden/, handle);
}

describe('the OpenAPI document', () => {
  for (const version of versions) {
    it(`passes a validator as ${version}: routes with schemas of every kind`, async () => {
      const spec = await describeApp(addRoutes, version);
      assert.equal(spec.openapi, version === '3.0' ? '3.0.3' : '3.1.0');
      assert.deepEqual(Object.keys(spec.paths), ['/', '/every', '/files/*', '/found', '/json', '/users/{id}', '/yup']);
      assert.deepEqual(Object.keys(spec.paths['/users/{id}']), ['get', 'put', 'delete']);
      assert.deepEqual(
        Object.values<Untyped>(spec.paths['/users/{id}']).map(({ parameters }) => parameters[0].name),
        ['id', 'id', 'id'],
      );
      assert.equal(spec.paths['/users/{id}'].put.operationId, 'user2');
      assert.deepEqual(
        spec.paths['/found'].get.parameters.map(({ name }: { name: string }) => name),
        ['q', 'x-page'],
      );
    });

    it(`passes a validator as ${version}: crudlify with schemas of every kind, and with none`, async () => {
      const schemas = { orders: zodOf(z), old: zodOf(z3 as never), people: yupSchema, things: jsonSchema, free: null };
      const spec = await describeApp((app) => app.crudlify(schemas, { prefix: '/api' }), version);
      assert.equal(Object.keys(spec.paths).length, 15);
      for (const name of ['Orders', 'Old', 'People', 'Things', 'Free']) assert.ok(name in spec.components.schemas);
      const open = await describeApp((app) => app.crudlify(), version);
      assert.ok('/{collection}/{ID}' in open.paths);
    });
  }

  it('says the same in the words of each form', async () => {
    const schemas = { orders: zodOf(z), things: jsonSchema };
    const [v30, v31] = await Promise.all(
      versions.map((version) => describeApp((app) => app.crudlify(schemas), version)),
    );
    const [orders30, orders31] = [v30, v31].map((spec) => spec.components.schemas.Orders.properties);
    assert.deepEqual(orders30.age, {
      type: 'integer',
      minimum: 0,
      exclusiveMinimum: true,
      maximum: 150,
      nullable: true,
    });
    assert.deepEqual(orders31.age, { type: ['integer', 'null'], exclusiveMinimum: 0, maximum: 150 });
    assert.deepEqual(orders30.kind, { type: 'string', enum: ['order'] });
    assert.deepEqual(orders30.link, { oneOf: [{ type: 'string', format: 'uri' }], nullable: true });
    const [things30, things31] = [v30, v31].map((spec) => spec.components.schemas.Things.properties);
    assert.deepEqual(things30.id, { type: 'string', nullable: true, example: 'a' });
    assert.deepEqual(things31.id, { type: ['string', 'null'], examples: ['a'] });
    assert.deepEqual(things30.lines.items, { $ref: '#/components/schemas/Things.line' });
    assert.deepEqual(things30.parent, { $ref: '#/components/schemas/Things' });
    assert.deepEqual(things30.loose, { anyOf: [{ type: 'string' }, { type: 'number' }] });
    assert.equal(things30.price.exclusiveMinimum, true);
    assert.equal(things31.price.exclusiveMinimum, 0);
  });

  it('describes schemas that hold themselves', async () => {
    interface Tree {
      name: string;
      children: Tree[];
    }
    const tree: z.ZodType<Tree> = z.object({ name: z.string(), children: z.lazy(() => tree.array()) });
    const node = z.object({
      name: z.string(),
      get next() {
        return node.nullable();
      },
    });
    const spec = await describeApp((app) => app.crudlify({ trees: tree, nodes: node }));
    const { Trees, Nodes } = spec.components.schemas;
    assert.deepEqual(Trees.properties.children.items, { $ref: '#/components/schemas/Trees' });
    assert.ok(Nodes.properties.next);
  });

  it('keeps names apart: collections that differ in their first letter, and components of the app', async () => {
    const given = { Todo: { type: 'object', properties: { mine: { type: 'string' } } } } as const;
    const spec = await describeApp(
      (app) => app.crudlify({ todo: z.object({ a: z.string() }), Order: null, order: null, 'two words': null }),
      '3.0',
      { components: { schemas: structuredClone(given) as Untyped } },
    );
    assert.deepEqual(Object.keys(spec.components.schemas).toSorted(), ['Order', 'Order2', 'Todo', 'Two_words']);
    assert.deepEqual(spec.components.schemas.Todo, given.Todo);
  });

  it("takes what the config says: info, servers, tags, security, filter; the app's routes win over crudlify's", async () => {
    const spec = await describeApp(
      (app) => {
        app.crudlify({ todos: null });
        app.get('/todos', openapi({ summary: 'Mine' }), () => undefined);
      },
      '3.0',
      {
        info: { title: 'T', version: '2.0.0' },
        servers: [{ url: 'https://api.example.com' }],
        tags: [{ name: 'Todos', description: 'Things to do' }],
        security: [{ bearerAuth: [] }],
        externalDocs: { url: 'https://example.com' },
        filter: ({ method }) => method === 'get',
      },
    );
    assert.deepEqual(Object.keys(spec.paths), ['/todos', '/todos/{ID}']);
    assert.equal(spec.paths['/todos'].get.summary, 'Mine');
    assert.deepEqual([spec.info.title, spec.servers[0].url], ['T', 'https://api.example.com']);
  });

  it('passes a validator for any JSON Schema', async () => {
    const seed = Number(process.env.TACKLE_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(
          true,
          {},
          { type: 'string' },
          { type: ['integer', 'null'] },
          { const: 1 },
          { enum: ['a', null] },
          { type: 'null' },
        ),
        fc.record(
          {
            type: fc.constantFrom('object', 'array', 'string', ['number', 'string'], ['array', 'null']),
            nullable: fc.boolean(),
            minimum: fc.integer(),
            exclusiveMaximum: fc.oneof(fc.integer(), fc.boolean()),
            maximum: fc.integer(),
            examples: fc.array(fc.string()),
            properties: fc.dictionary(fc.constantFrom('a', 'b', '$ref2'), tie('schema')),
            items: tie('schema'),
            anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
            not: tie('schema'),
            if: tie('schema'),
            additionalProperties: fc.oneof(fc.boolean(), tie('schema')),
            required: fc.uniqueArray(fc.constantFrom('a', 'b')),
          },
          { requiredKeys: [] },
        ),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(schema, fc.constantFrom(...versions), async (given, version) => {
        const properties = { field: given };
        await describeApp((app) => app.crudlify({ things: { type: 'object', properties } }), version);
      }),
      { seed, numRuns: process.env.TACKLE_LONG === '1' ? 500 : 40 },
    );
  });
});
