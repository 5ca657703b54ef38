/** The engine's log: lines with a level and a subsystem, every one a single line. */
import { appendFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { hideControlCharacters } from './clean-text.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface HookLogger {
  readonly debug: (subsystem: string, message: string) => void;
  readonly info: (subsystem: string, message: string) => void;
  readonly warn: (subsystem: string, message: string) => void;
  readonly error: (subsystem: string, message: string) => void;
}

export function createHookLogger(write: (level: LogLevel, subsystem: string, message: string) => void): HookLogger {
  const at = (level: LogLevel) => (subsystem: string, message: string) =>
    write(level, subsystem, hideControlCharacters(message));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export const silentLogger: HookLogger = createHookLogger(() => undefined);

export interface FileLogger extends HookLogger {
  /** Resolves when all lines so far are in the file. */
  readonly flush: () => Promise<void>;
}

/** Appends lines to a file such as `<state>/gateway.log`, without making anybody wait. */
export function createFileLogger(file: string, now: () => Date = () => new Date()): FileLogger {
  let lines: string[] = [];
  let writing: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (lines.length > 0) {
      const text = lines.join('');
      lines = [];
      await mkdir(path.dirname(file), { recursive: true });
      await appendFile(file, text, { mode: 0o600 });
    }
  }

  function start(): void {
    if (writing !== undefined) return;
    // A log that cannot be written must not stop what it tells about.
    writing = drain()
      .catch(() => undefined)
      .finally(() => {
        writing = undefined;
        if (lines.length > 0) start();
      });
  }

  const logger = createHookLogger((level, subsystem, message) => {
    lines.push(`${now().toISOString()} ${level} [${subsystem}] ${message}\n`);
    start();
  });
  return {
    ...logger,
    flush: async () => {
      while (writing !== undefined) await writing;
    },
  };
}
