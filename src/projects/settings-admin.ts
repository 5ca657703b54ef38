import { TackleError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { type AdminContext, auditOf, notifyOf, requireSpace } from './admin-context.ts';
import { validateAllowedHost, validateCidr } from './hosts.ts';
import { validateEnvKey } from './names.ts';
import { keys, type StoredEnv, type StoredSpace, sealContext, toJson } from './stored.ts';
import type { Actor, ProjectAdmin, Space, SpaceQuotas } from './types.ts';

const MAX_ENV_VALUE_BYTES = 65_536;
const MAX_ENV_VARIABLES = 500;
const MAX_LIST_LENGTH = 1000;

type SettingsAdmin = Pick<
  ProjectAdmin,
  'setJwksUrl' | 'addAllowedHost' | 'removeAllowedHost' | 'setEgressCidrs' | 'setQuotas' | 'setEnv' | 'removeEnv'
>;

export function createSettingsAdmin(context: AdminContext): SettingsAdmin {
  const { directory, changes } = context;

  /** Changes fields of the space's record; refused when another gateway changed it meanwhile. */
  const updateSpace = (
    spaceId: string,
    actor: Actor,
    action: string,
    decide: (space: Space) => { readonly fields: Partial<StoredSpace>; readonly details: JsonObject },
  ): Promise<Space> =>
    changes.run(() => {
      const space = requireSpace(directory, spaceId);
      const { fields, details } = decide(space);
      const { projectId, name, ...stored } = { ...space, ...fields };
      return {
        records: [
          {
            type: 'space',
            key: keys.space(projectId, name),
            value: toJson(stored),
            expect: directory.getSpaceRevision(spaceId),
          },
        ],
        audit: auditOf(actor, action, space, undefined, details),
        notify: notifyOf('space', 'changed', space),
        result: () => requireSpace(directory, spaceId),
      };
    });

  return {
    setJwksUrl: (spaceId, url, actor) =>
      updateSpace(spaceId, actor, 'jwks.set', () => {
        const jwksUrl = url === null ? null : validateJwksUrl(url);
        return { fields: { jwksUrl }, details: { url: jwksUrl } };
      }),

    addAllowedHost: (spaceId, host, actor) =>
      updateSpace(spaceId, actor, 'allowed-host.add', (space) => {
        const added = validateAllowedHost(host);
        const allowedHosts = [...new Set([...space.allowedHosts, added])];
        if (allowedHosts.length > MAX_LIST_LENGTH) throw tooMany('allowed hosts', MAX_LIST_LENGTH);
        return { fields: { allowedHosts }, details: { host: added } };
      }),

    removeAllowedHost: (spaceId, host, actor) =>
      updateSpace(spaceId, actor, 'allowed-host.remove', (space) => {
        const removed = validateAllowedHost(host);
        const allowedHosts = space.allowedHosts.filter((entry) => entry !== removed);
        if (allowedHosts.length === space.allowedHosts.length) {
          throw new TackleError('not_found', `${removed} is not on the list of ${space.projectId}/${space.name}`);
        }
        return { fields: { allowedHosts }, details: { host: removed } };
      }),

    setEgressCidrs: (spaceId, cidrs, actor) =>
      updateSpace(spaceId, actor, 'egress.set', () => {
        if (cidrs.length > MAX_LIST_LENGTH) throw tooMany('networks', MAX_LIST_LENGTH);
        const egressCidrs = [...new Set(cidrs.map(validateCidr))];
        return { fields: { egressCidrs }, details: { cidrs: egressCidrs } };
      }),

    setQuotas: (spaceId, quotas, actor) =>
      updateSpace(spaceId, actor, 'quotas.set', (space) => {
        const changed = validateQuotas(quotas);
        return { fields: { quotas: { ...space.quotas, ...changed } }, details: { ...changed } };
      }),

    setEnv: ({ spaceId, key, value, encrypted }, actor) =>
      changes.run(() => {
        const space = requireSpace(directory, spaceId);
        validateEnvKey(key);
        if (Buffer.byteLength(value) > MAX_ENV_VALUE_BYTES) {
          throw new TackleError('invalid_request', `The value of ${key} is longer than ${MAX_ENV_VALUE_BYTES} bytes`);
        }
        const present = directory.listEnv(spaceId);
        const exists = present.some((variable) => variable.key === key);
        if (!exists && present.length >= MAX_ENV_VARIABLES) throw tooMany('variables', MAX_ENV_VARIABLES);
        const stored: StoredEnv = encrypted
          ? { sealed: context.secrets.seal(value, sealContext.env(space.projectId, spaceId, key)) }
          : { value };
        return {
          records: [{ type: 'env', key: keys.env(spaceId, key), value: toJson(stored), expect: 'any' }],
          audit: auditOf(actor, 'env.set', space, key, { encrypted }),
          notify: notifyOf('env', exists ? 'changed' : 'created', space),
          result: () => ({ key, value: encrypted ? null : value, encrypted }),
        };
      }),

    removeEnv: (spaceId, key, actor) =>
      changes.run(() => {
        const space = requireSpace(directory, spaceId);
        if (!directory.listEnv(spaceId).some((variable) => variable.key === key)) {
          throw new TackleError('not_found', `${space.projectId}/${space.name} has no variable ${key.slice(0, 60)}`);
        }
        return {
          records: [{ type: 'env', key: keys.env(spaceId, key), value: null, expect: 'any' }],
          audit: auditOf(actor, 'env.remove', space, key),
          notify: notifyOf('env', 'removed', space),
          result: () => undefined,
        };
      }),
  };
}

function validateJwksUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLoopback = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  const isAllowed = url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback));
  if (!isAllowed || url.username !== '' || url.password !== '' || text.length > 2000) {
    throw new TackleError(
      'invalid_request',
      `"${text.slice(0, 100)}" cannot be a JWKS URL: use https (http only for loopback)`,
    );
  }
  return url.href;
}

function validateQuotas(quotas: Partial<SpaceQuotas>): Partial<SpaceQuotas> {
  for (const [name, value] of Object.entries(quotas)) {
    if (value !== null && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new TackleError(
        'invalid_request',
        `The quota ${name} must be a whole number of at least 0, or null for no limit`,
      );
    }
  }
  return quotas;
}

function tooMany(what: string, limit: number): TackleError {
  return new TackleError('invalid_request', `A space can have at most ${limit} ${what}`);
}
