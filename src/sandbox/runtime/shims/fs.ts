import { accessDenied, refusedFunction } from './refused.ts';

type Members = Record<string, unknown>;

/** What a disk without files says of a path, and a disk that cannot be written of everything else. */
const looksForFiles = /^(?:l?stat|access|exists|open|read|realpath|watch)/;

/**
 * `fs` over a disk that has no files and takes none: functions fail as they do for a missing file (a throw, a rejection, or an
 * error for the callback), with Node's codes, so that libraries which look for optional files go on without them.
 */
export function createFs(original: Members): Members {
  const module: Members = {};
  for (const [name, value] of Object.entries(original)) {
    if (name === 'default' || name === 'promises') continue;
    module[name] = typeof value === 'function' ? failingFunction(name) : value;
  }
  module.existsSync = () => false;
  module.exists = (_path: unknown, done: (exists: boolean) => void) => queueMicrotask(() => done(false));
  module.promises = createFsPromises(original.promises as Members);
  module.default = module;
  return module;
}

export function createFsPromises(original: Members): Members {
  const module: Members = {};
  for (const [name, value] of Object.entries(original)) {
    if (name === 'default') continue;
    module[name] = typeof value === 'function' ? async () => Promise.reject(createError(`fs/promises.${name}`)) : value;
  }
  module.default = module;
  return module;
}

function failingFunction(name: string): (...args: unknown[]) => unknown {
  if (/^[A-Z_]/.test(name)) return refusedFunction(`fs.${name}`);
  return function refused(...args: unknown[]): void {
    const done = args.at(-1);
    const error = createError(`fs.${name}`);
    if (name.endsWith('Sync') || typeof done !== 'function') throw error;
    queueMicrotask(() => done(error));
  };
}

function createError(path: string): Error {
  const name = path.slice(path.indexOf('.') + 1);
  return Object.assign(accessDenied(path), { code: looksForFiles.test(name) ? 'ENOENT' : 'EROFS', syscall: name });
}
