import { format, inspect } from 'node:util';
import type { HostCalls } from '../host-channel.ts';

type LogType = 'log' | 'error' | 'warn' | 'info' | 'debug';

/** A console whose lines go to the app's log, formatted as Node does. */
export function createConsole(calls: HostCalls): Record<string, unknown> {
  const counts = new Map<string, number>();
  const timers = new Map<string, number>();
  let indent = '';
  const write = (logtype: LogType, args: unknown[]) => {
    const text = formatSafely(args);
    calls.log({ logtype, log: indent ? indent + text.replaceAll('\n', `\n${indent}`) : text });
  };
  const elapsed = (label: string) =>
    `${label}: ${(performance.now() - (timers.get(label) ?? performance.now())).toFixed(3)}ms`;
  const group = (...args: unknown[]) => {
    if (args.length > 0) write('log', args);
    indent += '  ';
  };
  const console: Record<string, unknown> = {
    log: (...args: unknown[]) => write('log', args),
    info: (...args: unknown[]) => write('info', args),
    warn: (...args: unknown[]) => write('warn', args),
    error: (...args: unknown[]) => write('error', args),
    debug: (...args: unknown[]) => write('debug', args),
    trace: (...args: unknown[]) =>
      write('error', [`Trace: ${formatSafely(args)}\n${new Error().stack?.split('\n').slice(2).join('\n')}`]),
    dir: (value: unknown, options?: object) => write('log', [inspect(value, options)]),
    dirxml: (...args: unknown[]) => write('log', args),
    table: (value: unknown) => write('log', [value]),
    assert: (condition: unknown, ...args: unknown[]) => {
      if (!condition) write('error', ['Assertion failed', ...args]);
    },
    count: (label = 'default') => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      write('log', [`${label}: ${counts.get(label)}`]);
    },
    countReset: (label = 'default') => counts.delete(label),
    time: (label = 'default') => timers.set(label, performance.now()),
    timeLog: (label = 'default', ...args: unknown[]) => write('log', [elapsed(label), ...args]),
    timeEnd: (label = 'default') => {
      write('log', [elapsed(label)]);
      timers.delete(label);
    },
    group,
    groupCollapsed: group,
    groupEnd: () => {
      indent = indent.slice(2);
    },
    clear: () => {},
    timeStamp: () => {},
    profile: () => {},
    profileEnd: () => {},
  };
  console.Console = function Console() {
    return console;
  };
  return console;
}

/** A value that throws while it is shown must not make logging throw. */
function formatSafely(args: unknown[]): string {
  try {
    return format(...args);
  } catch (error) {
    return `(a value that cannot be shown: ${String((error as Error)?.message)})`;
  }
}
