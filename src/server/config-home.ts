import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface HomeInput {
  /** Value of `--home`. */
  readonly homeFlag?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly userHome: string;
  readonly currentDirectory: string;
}

export interface ResolvedHome {
  readonly home: string;
  readonly source: '--home' | 'TACKLE_HOME' | 'default';
}

/** `--home`, else `TACKLE_HOME`, else `~/.tackle`; always absolute. */
export function resolveHome({ homeFlag, env, userHome, currentDirectory }: HomeInput): ResolvedHome {
  if (homeFlag) return { home: resolve(currentDirectory, homeFlag), source: '--home' };
  if (env.TACKLE_HOME) return { home: resolve(currentDirectory, env.TACKLE_HOME), source: 'TACKLE_HOME' };
  return { home: join(userHome, '.tackle'), source: 'default' };
}

/**
 * Where OpenClaw's files are looked for: `OPENCLAW_STATE_DIR`; else a home that was asked for by name; else an existing
 * `~/.openclaw`, which is then used in place; else the home.
 */
export function resolveStateDirectory(input: HomeInput, isDirectory: (path: string) => boolean = existsSync): string {
  if (input.env.OPENCLAW_STATE_DIR) return resolve(input.currentDirectory, input.env.OPENCLAW_STATE_DIR);
  const { home, source } = resolveHome(input);
  if (source !== 'default') return home;
  const openClaw = join(input.userHome, '.openclaw');
  return isDirectory(openClaw) ? openClaw : home;
}
