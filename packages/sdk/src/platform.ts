import type { Datastore, Untyped } from './types.ts';

/** What the runtime puts in place before an app is evaluated (spec: the app ABI). Undefined outside of the platform. */
interface PlatformGlobals {
  DB?: Datastore;
  _coho_fs?: PlatformFiles;
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
