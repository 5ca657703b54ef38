import type { Codehooks } from '../codehooks.ts';
import { openStore } from '../platform.ts';
import { answeredByPlatform } from '../platform-route.ts';
import type { DatastoreAPI, Handler, httpRequest, httpResponse, Untyped } from '../types.ts';
import { EventHooks } from './event-hooks.ts';
import { parseRestQuery, type RestQuery } from './rest-query.ts';
import { createValidator, type Validate, type ValidatorOptions } from './validators.ts';

export interface CrudlifyOptions extends ValidatorOptions {
  /** First part of the paths, such as `/api`. */
  prefix?: string;
  query?: string;
}

/** What the routes of one call share. */
interface Crud {
  readonly app: Codehooks;
  readonly hooks: EventHooks;
  /** By collection; undefined for those that are not served. */
  findValidator(collection: string): Validate | null | undefined;
}

/**
 * A REST interface to the datastore: `POST|GET <prefix>/:collection`, `GET|PUT|PATCH|DELETE <prefix>/:collection/:ID`,
 * `PATCH|DELETE <prefix>/:collection/_byquery` (spec/codehooks.md 9). Without schemas every collection is served; with them
 * those that are named, and documents are validated by Yup, Zod or JSON Schema (null: not). The routes are there when the
 * call returns; the promise is for the hooks.
 */
export function crudlify(
  app: Codehooks,
  schemas: Record<string, Untyped> = {},
  options: CrudlifyOptions = {},
): Promise<EventHooks> {
  const prefix = options.prefix === undefined || options.prefix === '/' ? '' : options.prefix;
  app.set('_crudlify_schema', schemas);
  app.set('_crudlify_options', { ...options, prefix });
  const isOpen = Object.keys(schemas).length === 0;
  const validators = new Map(
    Object.entries(schemas)
      .filter(([, schema]) => schema !== undefined)
      .map(([name, schema]) => [name, createValidator(schema, options)]),
  );
  const crud: Crud = {
    app,
    hooks: new EventHooks(),
    findValidator: (collection) => (isOpen ? null : validators.get(collection)),
  };
  app.post(`${prefix}/:collection`, create(crud));
  const collections = isOpen ? null : [...validators.keys()];
  app.get(`${prefix}/:collection`, answeredByPlatform(known(crud, list), { kind: 'crud-list', collections }));
  app.get(
    `${prefix}/:collection/:ID`,
    answeredByPlatform(known(crud, readOne), { kind: 'crud-read-one', collections }),
  );
  app.put(`${prefix}/:collection/:ID`, known(crud, replace));
  app.patch(`${prefix}/:collection/_byquery`, known(crud, patchMany));
  app.patch(`${prefix}/:collection/:ID`, known(crud, patchOne));
  app.delete(`${prefix}/:collection/_byquery`, known(crud, removeMany));
  app.delete(`${prefix}/:collection/:ID`, known(crud, removeOne));
  return Promise.resolve(crud.hooks);
}

interface Call {
  readonly collection: string;
  readonly id: string;
  readonly request: httpRequest;
  readonly response: httpResponse;
  readonly store: DatastoreAPI;
}

type Operation = (crud: Crud, call: Call) => Promise<unknown>;

function toCall(crud: Crud, request: httpRequest, response: httpResponse): Call {
  const { collection, ID: id } = request.params;
  return { collection, id, request, response, store: openStore(crud.app) };
}

function create(crud: Crud): Handler {
  return async (request, response) => {
    const { collection, store } = toCall(crud, request, response);
    const validate = crud.findValidator(collection);
    if (validate === undefined) {
      response.status(400).json({ error: `Collection schema not found: ${collection}` });
      return;
    }
    try {
      const document = validate === null ? request.body : await validate(request.body);
      await crud.hooks.fireBefore(collection, 'POST', document);
      const stored = await store.insertOne(collection, document);
      await crud.hooks.fireAfter(collection, 'POST', stored);
      response.status(201).json(stored);
    } catch (error) {
      // As JSON: what a validator found, what the schema of the collection forbids, or {} for other errors.
      response.status(400).json(error);
    }
  };
}

/** Answers 404 for collections that are not served, and says the error of the others as their clients know it. */
function known(crud: Crud, operation: Operation): Handler {
  return async (request, response) => {
    const call = toCall(crud, request, response);
    if (crud.findValidator(call.collection) === undefined) {
      response.status(404).json({ error: `Schema error for collection ${call.collection}` });
      return;
    }
    try {
      await operation(crud, call);
    } catch (error) {
      answerError(response, error);
    }
  };
}

function answerError(response: httpResponse, error: unknown): void {
  if (error instanceof InvalidRequest) response.status(400).json(error.body);
  else if (error instanceof Error && 'schemaError' in error) response.status(400).json(error);
  else response.status(404).end(error instanceof Error ? error.message : String(error));
}

/** What is wrong with the request itself; `body` is the answer. */
class InvalidRequest extends Error {
  readonly body: unknown;

  constructor(body: unknown) {
    super('The request is not valid');
    this.body = body;
  }
}

async function list(_crud: Crud, { collection, request, response, store }: Call): Promise<void> {
  let query: RestQuery;
  try {
    query = parseRestQuery(request.query);
  } catch (error) {
    response.status(400).send((error as Error).message);
    return;
  }
  response.json(store.getMany(collection, query.filter, query.options));
}

async function readOne(_crud: Crud, { collection, id, response, store }: Call): Promise<void> {
  response.json(await store.getOne(collection, id));
}

async function replace(crud: Crud, { collection, id, request, response, store }: Call): Promise<void> {
  const validate = crud.findValidator(collection) ?? null;
  const { body } = request;
  const isDocument = typeof body === 'object' && body !== null && !Array.isArray(body);
  const { _id, ...document } = isDocument ? body : {};
  if (validate !== null) {
    await validate(isDocument ? document : body).catch((error) => {
      throw new InvalidRequest(error);
    });
  }
  if (!isDocument) throw new InvalidRequest({ error: 'A document must be a JSON object' });
  const replacement = { ...document, _id: id };
  try {
    await crud.hooks.fireBefore(collection, 'PUT', replacement);
    const stored = await store.replaceOne(collection, id, replacement, {});
    await crud.hooks.fireAfter(collection, 'PUT', stored);
    response.json(stored);
  } catch (error) {
    // Where there is a schema, clients know every refusal as 400; a missing document is 404 with and without.
    if (validate !== null && !isNotFound(error)) throw new InvalidRequest(error);
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'NOT_FOUND';
}

async function patchOne(crud: Crud, { collection, id, request, response, store }: Call): Promise<void> {
  await crud.hooks.fireBefore(collection, 'PATCH', request.body);
  const stored = await store.updateOne(collection, id, request.body, {});
  await crud.hooks.fireAfter(collection, 'PATCH', request.body);
  response.json(stored);
}

async function patchMany(crud: Crud, { collection, request, response, store }: Call): Promise<void> {
  const { filter, options } = parseRestQuery(request.query);
  await crud.hooks.fireBefore(collection, 'PATCH', request.body);
  const result = await store.updateMany(collection, filter, request.body, options);
  await crud.hooks.fireAfter(collection, 'PATCH', result);
  response.json(result);
}

async function removeOne(crud: Crud, { collection, id, response, store }: Call): Promise<void> {
  await crud.hooks.fireBefore(collection, 'DELETE', id);
  const result = await store.removeOne(collection, id);
  await crud.hooks.fireAfter(collection, 'DELETE', result);
  response.json(result);
}

async function removeMany(_crud: Crud, { collection, request, response, store }: Call): Promise<void> {
  const { filter, options } = parseRestQuery(request.query);
  response.json(await store.removeMany(collection, filter, options));
}
