import type { Untyped } from '../types.ts';
import type { Components } from './components.ts';
import { body, param, query, response } from './helpers.ts';
import type { OpenAPIParameter, OpenAPISchema, Operation, Paths } from './openapi-types.ts';

const anyObject: OpenAPISchema = { type: 'object', additionalProperties: true, description: 'Any JSON object' };
const countSchema: OpenAPISchema = { type: 'object', properties: { count: { type: 'integer' } } };

/**
 * Paths of what `crudlify` serves: per collection, or for any when there are no schemas. Their schemas become components; one
 * that the app gave under the name of a collection is taken for it.
 */
export function describeCrud(schemas: Record<string, Untyped>, prefix: string, components: Components): Paths {
  const names = Object.keys(schemas);
  const base = prefix === '' || prefix.startsWith('/') ? prefix : `/${prefix}`;
  if (names.length === 0) {
    const collection = param('collection', { description: 'Name of the collection' });
    const schemaName = components.add('Document', anyObject);
    return describeCollection(`${base}/{collection}`, schemaName, 'Collection', [collection]);
  }
  return Object.assign(
    {},
    ...names.map((name) => {
      const wanted = capitalise(name);
      const schemaName = components.isGiven(wanted) ? wanted : components.add(wanted, chooseSchema(schemas[name]));
      return describeCollection(`${base}/${name}`, schemaName, schemaName, []);
    }),
  ) as Paths;
}

/** Also `{schema: …}` and `{openApiSchema: …}` may stand for a collection. */
function chooseSchema(given: Untyped): Untyped {
  if (given === null || given === undefined) return anyObject;
  return given.openApiSchema ?? given.schema ?? given;
}

function describeCollection(path: string, schemaName: string, tag: string, shared: OpenAPIParameter[]): Paths {
  const reference: OpenAPISchema = { $ref: `#/components/schemas/${schemaName}` };
  const stored: OpenAPISchema = {
    allOf: [reference, { type: 'object', properties: { _id: { type: 'string' } } }],
  };
  const id = param('ID', { description: 'The _id of the document' });
  const filter = query('q', { description: 'MongoDB filter as JSON, such as {"status":"open"}' });
  const operation = (
    name: string,
    summary: string,
    rest: Partial<Operation>,
    own: OpenAPIParameter[] = [],
  ): Operation => ({
    summary: `${summary} ${tag}`,
    tags: [tag],
    operationId: `${name}${tag}`,
    parameters: [...shared, ...own],
    responses: {},
    ...rest,
  });
  const invalid = { 400: response('The request or the document is not valid') };
  const missing = { 404: response('There is no such document or collection') };
  return {
    [path]: {
      get: operation(
        'list',
        'List',
        { responses: { 200: response('Documents', { type: 'array', items: stored }), ...invalid, ...missing } },
        [filter, ...listParameters],
      ),
      post: operation('create', 'Create', {
        requestBody: body(reference),
        responses: { 201: response('Stored', stored), ...invalid },
      }),
    },
    [`${path}/{ID}`]: {
      get: operation('get', 'Read one of', { responses: { 200: response('Found', stored), ...missing } }, [id]),
      put: operation(
        'replace',
        'Replace one of',
        { requestBody: body(reference), responses: { 200: response('Replaced', stored), ...invalid, ...missing } },
        [id],
      ),
      patch: operation(
        'update',
        'Change one of',
        { requestBody: body(anyObject), responses: { 200: response('Changed', stored), ...invalid, ...missing } },
        [id],
      ),
      delete: operation(
        'delete',
        'Delete one of',
        {
          responses: {
            200: response('Deleted', { type: 'object', properties: { _id: { type: 'string' } } }),
            ...missing,
          },
        },
        [id],
      ),
    },
    [`${path}/_byquery`]: {
      patch: operation(
        'updateMany',
        'Change all matching',
        { requestBody: body(anyObject), responses: { 200: response('Changed', countSchema), ...invalid } },
        [filter],
      ),
      delete: operation(
        'deleteMany',
        'Delete all matching',
        { responses: { 200: response('Deleted', countSchema), ...invalid } },
        [filter],
      ),
    },
  };
}

const listParameters: OpenAPIParameter[] = [
  query('h', { description: 'Hints as JSON: {"$limit":10,"$offset":0,"$fields":{"name":1},"$sort":{"name":-1}}' }),
  query('limit', { schema: { type: 'integer' } }),
  query('offset', { schema: { type: 'integer' } }),
  query('sort', { description: 'Fields by comma; a minus sorts descending' }),
  query('fields', { description: 'Fields to include, by comma' }),
];

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
