import { Codehooks } from './codehooks.ts';
import { findPlatformDatastore } from './platform.ts';
import type { Datastore as DatastoreType } from './types.ts';

/** The database and key-value store of the space; outside of the platform the one given to `app.setDatastore`. */
export const datastore: DatastoreType = findPlatformDatastore() ?? Codehooks.getInstance().getDatastore();
export const Datastore = datastore;
