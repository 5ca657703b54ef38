import { basename, delimiter, dirname, resolve } from 'node:path';
import type { Cli } from './cli.ts';

/** How to call this program from here, for commands that messages suggest: `tackle` when that is on the PATH. */
export function getProgramName({ env, currentDirectory }: Cli): string {
  const launcher = env.TACKLE_LAUNCHER;
  if (launcher === undefined) return 'tackle';
  const directory = dirname(resolve(currentDirectory, launcher));
  const onPath = (env.PATH ?? '').split(delimiter).some((entry) => entry !== '' && resolve(entry) === directory);
  return onPath ? basename(launcher) : launcher;
}
