import { randomUUID } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Changes, RecordChange } from './changes.ts';
import type { MemoryDirectory } from './directory.ts';
import type { Secrets } from './secrets.ts';
import { hashToken, keys, type StoredToken, sealContext, toJson } from './stored.ts';
import type { Actor, DirectoryChange, Project, Space, TokenAccess } from './types.ts';

/** What the administrative changes of this room share. */
export interface AdminContext {
  readonly directory: MemoryDirectory;
  readonly changes: Changes;
  readonly secrets: Secrets;
  readonly now: () => number;
  readonly reservedHosts: readonly string[];
}

export function creationOfToken(
  { secrets, now }: AdminContext,
  projectId: string,
  spaceId: string,
  input: { readonly access: TokenAccess; readonly description: string; readonly expiresAt?: number | null },
): { readonly key: string; readonly record: RecordChange } {
  const key = randomUUID();
  const tokenHash = hashToken(key);
  const value: StoredToken = {
    sealedKey: secrets.seal(key, sealContext.token(projectId, spaceId, tokenHash)),
    access: input.access,
    description: input.description,
    createdAt: now(),
    expiresAt: input.expiresAt ?? null,
  };
  return {
    key,
    record: { type: 'token', key: keys.token(spaceId, tokenHash), value: toJson(value), expect: 'absent' },
  };
}

export function requireProject(directory: MemoryDirectory, projectId: string): Project {
  const project = directory.getProject(projectId);
  if (project === null) throw new TackleError('not_found', `There is no project ${projectId}`);
  return project;
}

export function requireSpace(directory: MemoryDirectory, spaceId: string): Space {
  const space = directory.getSpace(spaceId);
  if (space === null)
    throw new TackleError('not_found', `There is no space with the id ${spaceId}; it may have been removed`);
  return space;
}

export function auditOf(actor: Actor, action: string, space: Space, name?: string, details: JsonObject = {}) {
  const target = `${space.projectId}/${space.name}${name === undefined ? '' : `/${name}`}`;
  return { actor, action, target, details };
}

export function notifyOf(
  kind: DirectoryChange['kind'],
  action: DirectoryChange['action'],
  space: Space,
): DirectoryChange {
  return { kind, action, projectId: space.projectId, spaceId: space.id };
}
