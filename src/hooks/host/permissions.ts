/** What a sandboxed hook may reach, with every path made absolute. Pure. */
import path from 'node:path';
import type { HookPermissions } from '../../core/hook-metadata.ts';
import { expandHome } from '../config/state-dir.ts';

/** The permissions with every path made absolute; what `hooks info` prints. */
export interface ResolvedPermissions {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly net: readonly string[];
  readonly env: readonly string[];
}

export function resolvePermissions(
  permissions: HookPermissions,
  places: { readonly hookDir: string; readonly homeDir: string; readonly workspaceDir: string },
): ResolvedPermissions {
  const toPath = (value: string) => {
    const named = value.replace(/^<workspace>/, places.workspaceDir);
    return path.resolve(places.hookDir, expandHome(named, places.homeDir));
  };
  return {
    read: permissions.read.map(toPath),
    write: permissions.write.map(toPath),
    net: permissions.net,
    env: permissions.env.filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)),
  };
}
