import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import pino, { type Logger } from 'pino';
import { TackleError } from '../core/errors.ts';
import { lockHome } from '../storage/sqlite/lock-home.ts';
import { collectStartGarbage } from '../storage/start-garbage.ts';
import type { Config } from './config.ts';
import type { StartOptions } from './create-server.ts';
import { openEngines } from './open-engines.ts';

export interface RunningServer {
  readonly url: string;
  readonly adminToken: string;
  /** Lets requests under way finish, then closes. */
  stop(): Promise<void>;
}

/**
 * Starts the gateway of a home: locks it, opens everything, listens. Rejects with a TackleError that says what to do, for
 * example `home_locked` when another gateway has the home.
 */
export async function startServer(config: Config, options: StartOptions = {}): Promise<RunningServer> {
  await makeHome(config.home);
  const lock = lockHome(config.home, { pid: process.pid, host: hostname(), url: null });
  try {
    const logger = createLogger(config);
    const engines = openEngines(config, logger);
    // Whoever awaits it first tells the error.
    engines.catch(() => undefined);
    const { createServer } = await import('./create-server.ts');
    const server = await createServer(config, logger, engines, options);
    lock.update({ pid: process.pid, host: hostname(), url: server.url });
    collectStartGarbage();
    return {
      url: server.url,
      adminToken: server.adminToken,
      async stop() {
        await server.stop();
        lock[Symbol.dispose]();
      },
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** One directory after another: asked for all of them at once, Node never returns where none can be made (/proc). */
async function makeHome(path: string): Promise<void> {
  try {
    await mkdirUnlessThere(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'EACCES' ? 'this user may not write there' : message;
    throw new TackleError('invalid_request', `The home ${path} cannot be made: ${reason}.`, { cause: error });
  }
}

async function mkdirUnlessThere(path: string): Promise<void> {
  if (existsSync(path)) return;
  if (dirname(path) !== path) await mkdirUnlessThere(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    // Somebody else made it meanwhile.
    if (error.code !== 'EEXIST') throw error;
  });
}

/** JSON lines on standard error, so that standard output stays the command's own. */
function createLogger(config: Config): Logger {
  return pino({ level: config.logging.level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}
