import type { IncomingMessage } from 'node:http';
import type { Projects, Space } from '../projects/index.ts';

/** `read-only-token`: the token is valid, but not for this method. */
export type Authenticated = 'yes' | 'no' | 'read-only-token';

const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Checks the credentials that the gateway itself understands, in the platform's order: `x-apikey` header or `apikey`
 * query parameter, then a bearer token (the space's JWKS, then an admin token of this gateway). What it does not
 * understand is no error here: apps bring their own bearer tokens, which their auth hooks check.
 */
export function authenticate(
  projects: Projects,
  space: Space,
  request: IncomingMessage,
  query: Record<string, string | string[]>,
): Authenticated | Promise<Authenticated> {
  const key = firstOf(request.headers['x-apikey']) ?? firstOf(query.apikey);
  let result: Authenticated = 'no';
  if (key !== undefined) {
    const grant = projects.authenticateToken(space.id, key);
    if (grant !== null) {
      if (grant.access === 'READWRITE' || readMethods.has(request.method ?? 'GET')) return 'yes';
      result = 'read-only-token';
    }
  }
  const { authorization } = request.headers;
  if (authorization === undefined) return result;
  const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (bearer === undefined) return result;
  if (isAdminOf(projects, space, bearer)) {
    // Whoever administrates the gateway does not hand the token to the app that it calls.
    delete request.headers.authorization;
    return 'yes';
  }
  if (space.jwksUrl === null) return result;
  return projects.verifyJwt(space.id, bearer).then((claims) => (claims === null ? result : 'yes'));
}

function isAdminOf(projects: Projects, space: Space, token: string): boolean {
  const grant = projects.authenticateAdmin(token);
  if (grant.status !== 'granted') return false;
  const { scope } = grant.token;
  return scope.kind === 'home' || scope.projectId === space.projectId;
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
