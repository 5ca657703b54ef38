import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import pino, { type Logger } from 'pino';
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
  await mkdir(config.home, { recursive: true, mode: 0o700 });
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

/** JSON lines on standard error, so that standard output stays the command's own. */
function createLogger(config: Config): Logger {
  return pino({ level: config.logging.level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}
