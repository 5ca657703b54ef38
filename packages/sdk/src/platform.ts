import type { Datastore, DatastoreAPI, Untyped } from './types.ts';

/** What the runtime puts in place before an app is evaluated (spec: the app ABI). Undefined outside of the platform. */
interface PlatformGlobals {
  DB?: Datastore;
  _coho_fs?: PlatformFiles;
  _tackle?: {
    loadAjv(): Promise<Untyped>;
    getMimeType(path: string): string | null;
    createApiDocsPage(pagePath: string, specPath: string, config: object): string;
  };
}

export interface PlatformFiles {
  getFileStream(path: string, options?: object): Promise<Untyped>;
  readFile(path: string, options?: object): Promise<string>;
  saveFile(path: string, content: unknown, options?: object): Promise<Untyped>;
  deleteFile(path: string, options?: object): Promise<Untyped>;
  list(path: string, options?: object): Promise<Untyped[]>;
}

const globals = globalThis as PlatformGlobals;

/** Null when the app is not run by the platform: then it brings its own with `app.setDatastore`. */
export function findPlatformDatastore(): Datastore | null {
  return globals.DB ?? null;
}

export function getPlatformFiles(): PlatformFiles {
  if (globals._coho_fs === undefined) throw new Error('The file store exists only where the platform runs the app');
  return globals._coho_fs;
}

/** The store of the platform, or of whoever runs the app. Its methods need no `await` of this. */
export function openStore(app: { getDatastore(): Datastore }): DatastoreAPI {
  return (findPlatformDatastore() ?? app.getDatastore()).open();
}

/** A validator of JSON Schema: part of the platform, so that not every app has to bring one. */
export async function loadPlatformAjv(): Promise<Untyped> {
  if (globals._tackle !== undefined) return globals._tackle.loadAjv();
  throw new Error('Outside of the platform JSON Schema needs a validator: crudlify(schemas, { validator: new Ajv() })');
}

/** By the extension; null for names without a known one. The table is part of the platform, so that apps stay small. */
export function getMimeType(path: string): string | null {
  return globals._tackle?.getMimeType(path) ?? null;
}

/** The page that shows an API document; paths are those of the app. Its script and style come from the gateway. */
export function createApiDocsPage(pagePath: string, specPath: string, config: object): string {
  if (globals._tackle !== undefined) return globals._tackle.createApiDocsPage(pagePath, specPath, config);
  throw new Error(`The page that shows the API is part of the platform; read ${specPath} with a viewer of your own`);
}
