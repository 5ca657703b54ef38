/**
 * The library that apps import, as `codehooks-js` or `tackle-sdk`: routes, auth, middleware, workers, jobs, datastore. It
 * runs inside the sandbox and needs nothing of Node.
 */
import { Codehooks } from './codehooks.ts';
import type { CrudlifyOptions } from './crudlify/crudlify.ts';
import type { EventHooks } from './crudlify/event-hooks.ts';
import { datastore } from './datastore.ts';
import { type AppEventHandler, publishEvent } from './events.ts';

export { aggregation } from './aggregation.ts';

export const app: Codehooks = Codehooks.getInstance();
export const coho: Codehooks = app;

/** Events of the agent's life and of apps. Delivered through the queue: at least once, tried again when a handler fails. */
export const events = {
  /** `key` is `family:action`, or a family for everything in it. Register before `app.init()`. */
  on: (key: string, handler: AppEventHandler): void => app.events.add(key, handler),
  publish: publishEvent,
};

/** As `app.crudlify`, for an app that is passed along. */
export function crudlify(target: object, schemas: object = {}, options: CrudlifyOptions = {}): Promise<EventHooks> {
  return (target as Codehooks).crudlify(schemas, options);
}

export type {
  Change,
  ChangeFeed,
  Filter,
  StandardSchema,
  Stored,
  TypedCollection,
  TypedStream,
  Unstored,
  Update,
} from './collection-types.ts';
export type { CrudlifyOptions } from './crudlify/crudlify.ts';
export { EventHooks } from './crudlify/event-hooks.ts';
/** The same store under its other name; types of this name are the shape of it. */
export { Datastore } from './datastore.ts';
export type { AppEvent, AppEventHandler, PublishOptions } from './events.ts';
export { filestore } from './filestore.ts';
export { body, header, openapi, param, query, response } from './openapi/helpers.ts';
export type * from './openapi/openapi-types.ts';
export { realtime } from './realtime.ts';
export { schedule } from './schedule.ts';
export type { StaticOptions } from './static-files.ts';
export type {
  DataStream,
  DatastoreAPI,
  EventStream,
  EventStreamOptions,
  Filesystem,
  httpRequest,
  httpResponse,
  keyvalOptions,
  NextFunction,
  NoSQLAPI,
  nextFunction,
  Request,
  Response,
} from './types.ts';
export * from './workflows/index.ts';
export { Codehooks, datastore };
export default app;
