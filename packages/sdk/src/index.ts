/**
 * The library that apps import, as `codehooks-js` or `tackle-sdk`: routes, auth, middleware, workers, jobs, datastore. It
 * runs inside the sandbox and needs nothing of Node.
 */
import { Codehooks } from './codehooks.ts';
import { datastore } from './datastore.ts';

export const app: Codehooks = Codehooks.getInstance();
export const coho: Codehooks = app;
/** The same store under its other name; types of this name are the shape of it. */
export { Datastore } from './datastore.ts';
export { schedule } from './schedule.ts';
export type {
  DataStream,
  DatastoreAPI,
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
