import type { Untyped } from '../types.ts';
import { body, param, query, response } from './helpers.ts';
import { toJsonSchema } from './json-schema.ts';
import type { OpenAPIParameter, OpenAPISchema, Operation, Paths } from './openapi-types.ts';

export interface CrudDocs {
  readonly paths: Paths;
  readonly schemas: Record<string, OpenAPISchema>;
}

const anyObject: OpenAPISchema = { type: 'object', additionalProperties: true, description: 'Any JSON object' };
const countSchema: OpenAPISchema = { type: 'object', properties: { count: { type: 'integer' } } };

/** Paths and schemas of what `crudlify` serves: per collection, or for any when there are no schemas. */
export function describeCrud(schemas: Record<string, Untyped>, prefix: string): CrudDocs {
  const names = Object.keys(schemas);
  if (names.length === 0) {
    const collection = param('collection', { description: 'Name of the collection' });
    return {
      paths: describeCollection(`${prefix}/{collection}`, 'Document', 'Collection', [collection]),
      schemas: { Document: anyObject },
    };
  }
  const docs: CrudDocs = { paths: {}, schemas: {} };
  for (const name of names) {
    const schemaName = capitalise(name);
    docs.schemas[schemaName] = describeSchema(schemas[name]);
    Object.assign(docs.paths, describeCollection(`${prefix}/${name}`, schemaName, schemaName, []));
  }
  return docs;
}

/** Also `{schema: …}` and `{openApiSchema: …}` may stand for a collection. */
function describeSchema(given: Untyped): OpenAPISchema {
  if (given === null || given === undefined) return anyObject;
  if (given.openApiSchema) return given.openApiSchema;
  return toJsonSchema(given.schema ?? given);
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
