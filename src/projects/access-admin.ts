import { randomBytes } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import {
  type AdminContext,
  auditOf,
  creationOfToken,
  notifyOf,
  requireProject,
  requireSpace,
} from './admin-context.ts';
import { validateDomain } from './hosts.ts';
import { randomHex } from './names.ts';
import { hashToken, keys, type StoredAdminToken, type StoredDomain, toJson } from './stored.ts';
import type { ProjectAdmin } from './types.ts';

const MAX_DESCRIPTION_LENGTH = 500;

type AccessAdmin = Pick<
  ProjectAdmin,
  'createToken' | 'removeToken' | 'addDomain' | 'removeDomain' | 'createAdminToken' | 'removeAdminToken'
>;

export function createAccessAdmin(context: AdminContext): AccessAdmin {
  return { ...createTokenAdmin(context), ...createDomainAdmin(context), ...createAdminTokenAdmin(context) };
}

function createTokenAdmin(context: AdminContext): Pick<ProjectAdmin, 'createToken' | 'removeToken'> {
  const { directory, changes, now } = context;
  return {
    createToken: ({ spaceId, access, description = '', expiresAt = null }, actor) =>
      changes.run(() => {
        const space = requireSpace(directory, spaceId);
        const { key, record } = creationOfToken(context, space.projectId, spaceId, {
          access,
          description: description.slice(0, MAX_DESCRIPTION_LENGTH),
          expiresAt: validateExpiry(expiresAt, now()),
        });
        return {
          records: [record],
          audit: auditOf(actor, 'token.create', space, maskKey(key), { access }),
          notify: notifyOf('token', 'created', space),
          result: () => directory.listTokens(spaceId).find((token) => token.key === key)!,
        };
      }),

    removeToken: (spaceId, key, actor) =>
      changes.run(() => {
        const space = requireSpace(directory, spaceId);
        if (!directory.listTokens(spaceId).some((token) => token.key === key)) {
          throw new TackleError('not_found', `${space.projectId}/${space.name} has no token ${maskKey(key)}`);
        }
        const tokenHash = hashToken(key);
        return {
          records: [
            { type: 'token', key: keys.token(spaceId, tokenHash), value: null, expect: 'any' },
            { type: 'last-use', key: keys.tokenUse(spaceId, tokenHash), value: null, expect: 'any' },
          ],
          audit: auditOf(actor, 'token.remove', space, maskKey(key)),
          notify: notifyOf('token', 'removed', space),
          result: () => undefined,
        };
      }),
  };
}

function createDomainAdmin(context: AdminContext): Pick<ProjectAdmin, 'addDomain' | 'removeDomain'> {
  const { directory, changes, now, reservedHosts } = context;
  return {
    addDomain: ({ host: input, projectId, spaceId }, actor) =>
      changes.run(() => {
        const project = requireProject(directory, projectId);
        const space = spaceId === null ? null : requireSpace(directory, spaceId);
        if (space !== null && space.projectId !== project.id) {
          throw new TackleError('invalid_request', `Space ${space.name} does not belong to project ${project.id}`);
        }
        const host = validateDomain(input, reservedHosts);
        const holder = directory.listDomains().find((domain) => domain.host === host);
        if (holder !== undefined) {
          throw new TackleError(
            'conflict',
            `${host} belongs to project ${holder.projectId} already; remove it there first`,
          );
        }
        const value: StoredDomain = { projectId, spaceId, createdAt: now() };
        return {
          records: [{ type: 'domain', key: host, value: toJson(value), expect: 'absent' }],
          audit: { actor, action: 'domain.add', target: projectId, details: { host, space: space?.name ?? null } },
          notify: { kind: 'domain', action: 'created', projectId, spaceId },
          result: () => ({ host, ...value }),
        };
      }),

    removeDomain: (input, actor) =>
      changes.run(() => {
        const domain = directory.listDomains().find(({ host }) => host === input.toLowerCase());
        if (domain === undefined) throw new TackleError('not_found', `There is no domain ${input.slice(0, 80)}`);
        const { host, projectId, spaceId } = domain;
        return {
          records: [{ type: 'domain', key: host, value: null, expect: 'any' }],
          audit: { actor, action: 'domain.remove', target: projectId, details: { host } },
          notify: { kind: 'domain', action: 'removed', projectId, spaceId },
          result: () => undefined,
        };
      }),
  };
}

function createAdminTokenAdmin(context: AdminContext): Pick<ProjectAdmin, 'createAdminToken' | 'removeAdminToken'> {
  const { directory, changes, now } = context;
  return {
    createAdminToken: ({ scope, description = '', expiresAt = null }, actor) =>
      changes.run(() => {
        if (scope.kind === 'project') requireProject(directory, scope.projectId);
        const id = randomHex(6);
        const secret = `tka_${id}_${randomBytes(32).toString('base64url')}`;
        const value: StoredAdminToken = {
          secretHash: hashToken(secret),
          scope,
          description: description.slice(0, MAX_DESCRIPTION_LENGTH),
          createdAt: now(),
          expiresAt: validateExpiry(expiresAt, now()),
        };
        const projectId = scope.kind === 'project' ? scope.projectId : null;
        return {
          records: [{ type: 'admin-token', key: id, value: toJson(value), expect: 'absent' }],
          audit: { actor, action: 'admin-token.create', target: id, details: { scope: projectId ?? 'home' } },
          notify: { kind: 'admin-token', action: 'created', projectId, spaceId: null },
          result: () => ({ token: directory.getAdminToken(id)!, secret }),
        };
      }),

    removeAdminToken: (id, actor) =>
      changes.run(() => {
        const token = directory.getAdminToken(id);
        if (token === null) throw new TackleError('not_found', `There is no admin token ${id.slice(0, 60)}`);
        const projectId = token.scope.kind === 'project' ? token.scope.projectId : null;
        return {
          records: [
            { type: 'admin-token', key: id, value: null, expect: 'any' },
            { type: 'last-use', key: keys.adminTokenUse(id), value: null, expect: 'any' },
          ],
          audit: { actor, action: 'admin-token.remove', target: id, details: {} },
          notify: { kind: 'admin-token', action: 'removed', projectId, spaceId: null },
          result: () => undefined,
        };
      }),
  };
}

function validateExpiry(expiresAt: number | null, now: number): number | null {
  if (expiresAt === null) return null;
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= now) {
    throw new TackleError(
      'invalid_request',
      'expiresAt must be a time in the future, in milliseconds since 1970, or null',
    );
  }
  return expiresAt;
}

/** Enough to recognise a token in an audit entry or a message, not enough to use it. */
function maskKey(key: string): string {
  return `${key.slice(0, 8)}…`;
}
