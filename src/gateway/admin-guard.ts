import type { IncomingHttpHeaders } from 'node:http';
import { TackleError } from '../core/errors.ts';
import { type Actor, type AdminScope, normalizeHost, type Projects } from '../projects/index.ts';
import { type AdminSessions, readSessionCookie, type Session } from './admin-guard-sessions.ts';
import { createFailureThrottle } from './admin-guard-throttle.ts';
import type { ClientAddress } from './client-address.ts';

/** Who calls the administration API, after every check. */
export interface AdminIdentity {
  readonly actor: Actor;
  readonly scope: AdminScope;
  /** The token, or the token that opened the session. */
  readonly adminTokenId: string;
  readonly session: Session | null;
}

export interface AdminRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly client: ClientAddress;
}

export interface AdminGuard {
  /**
   * Host, Origin and Sec-Fetch-Site alone. Throws `misdirected` for a host that is not an administration host, and
   * `forbidden` for a request that a page of another origin caused.
   */
  checkOrigin(request: AdminRequest): void;
  /** All checks. Throws also `unauthenticated`, and `throttled` (details `{retryAfterSeconds}`). */
  authenticate(request: AdminRequest): AdminIdentity;
  /** True for hosts whose origin only serves pages of the gateway: there a browser may hold a session. */
  isPageHost(host: string): boolean;
}

export interface AdminGuardOptions {
  readonly projects: Projects;
  readonly sessions: AdminSessions;
  /** `--admin-host`: host names without port, besides the loopback names. */
  readonly adminHosts: readonly string[];
  now(): number;
}

const LOOPBACK_HOSTS = ['127.0.0.1', '[::1]', 'localhost'];
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Decides who may administrate. Where a request comes from proves nothing: tunnels, proxies, other users of the machine,
 * any web page and DNS rebinding all arrive from loopback. What counts are the exact host, the origin that the browser
 * reports, and a credential that no foreign page has.
 */
export function createAdminGuard({ projects, sessions, adminHosts, now }: AdminGuardOptions): AdminGuard {
  const throttle = createFailureThrottle(now);
  const extraHosts = adminHosts.map((host) => normalizeHost(host) ?? host.toLowerCase());
  const allowedHosts = new Set([...LOOPBACK_HOSTS, ...extraHosts]);
  // Apps are served on `localhost`, so a page there may be an app's, whatever it says of itself.
  const pageHosts = new Set([...allowedHosts].filter((host) => host !== 'localhost'));
  const isPageHost = (host: string) => pageHosts.has(normalizeHost(host) ?? '');

  function checkOrigin({ headers, client }: AdminRequest): void {
    if (!allowedHosts.has(normalizeHost(client.host) ?? '')) {
      throw new TackleError(
        'misdirected',
        `The administration API is not served on the host "${client.host.slice(0, 100)}". ` +
          'Use http://127.0.0.1:PORT, or start the gateway with --admin-host HOST',
      );
    }
    const { origin } = headers;
    const site = headers['sec-fetch-site'];
    if (origin !== undefined && (origin !== `${client.protocol}://${client.host}` || !isPageHost(client.host))) {
      throw new TackleError(
        'forbidden',
        `Pages of the origin ${origin.slice(0, 100)} may not use the administration API`,
      );
    }
    const isOwnPage = site === 'same-origin' && isPageHost(client.host);
    if (site !== undefined && site !== 'none' && !isOwnPage) {
      throw new TackleError('forbidden', 'A page of another origin caused this request (Sec-Fetch-Site)');
    }
  }

  function authenticateToken(presented: string, client: ClientAddress): AdminIdentity {
    const grant = projects.authenticateAdmin(presented);
    // Per token: guessing at one token, or a script with an old one, locks out nobody else.
    const guessedAt = grant.status === 'granted' ? grant.token.id : (grant.tokenId ?? 'unknown');
    const key = `${client.address} ${guessedAt}`;
    refuseWhileThrottled(throttle.waitMs(key));
    if (grant.status === 'refused') {
      throttle.noteFailure(key);
      const reason = grant.reason === 'expired' ? 'This admin token has expired' : 'This admin token is not valid';
      throw new TackleError('unauthenticated', `${reason}. Make one with: tackle add-admintoken`);
    }
    const { id, description, scope } = grant.token;
    const actor: Actor = { kind: 'admin-token', id, name: description, address: client.address };
    return { actor, scope, adminTokenId: id, session: null };
  }

  function authenticateSession(request: AdminRequest, secret: string): AdminIdentity {
    const { client, headers, method } = request;
    const session = isPageHost(client.host) ? sessions.getSession(secret) : null;
    const token = session === null ? null : projects.getAdminToken(session.adminTokenId);
    const isLive = token !== null && (token.expiresAt === null || token.expiresAt > now());
    if (session === null || !isLive) {
      throw new TackleError('unauthenticated', 'You are signed out; get a sign-in link with: tackle admin sign-in');
    }
    const csrf = headers['x-csrf-token'];
    if (!SAFE_METHODS.has(method) && !sessions.isCsrfTokenOf(session, Array.isArray(csrf) ? csrf[0] : csrf)) {
      throw new TackleError('forbidden', 'The header x-csrf-token is missing or wrong; load the page again');
    }
    const actor: Actor = { kind: 'session', id: session.id, name: token.description, address: client.address };
    return { actor, scope: session.scope, adminTokenId: token.id, session };
  }

  function authenticate(request: AdminRequest): AdminIdentity {
    checkOrigin(request);
    const presented = readToken(request.headers);
    if (presented !== null) return authenticateToken(presented, request.client);
    const secret = readSessionCookie(request.headers.cookie, request.client.host);
    if (secret !== null) return authenticateSession(request, secret);
    throw new TackleError(
      'unauthenticated',
      'Send an admin token as "Authorization: Bearer TOKEN" or "x-admintoken: TOKEN". ' +
        "On the gateway's machine it is in the file admin.token of its home",
    );
  }

  return { checkOrigin, authenticate, isPageHost };
}

function readToken(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const header = headers['x-admintoken'];
  return (Array.isArray(header) ? header[0] : header) ?? bearer ?? null;
}

function refuseWhileThrottled(waitMs: number): void {
  if (waitMs <= 0) return;
  const retryAfterSeconds = Math.ceil(waitMs / 1000);
  throw new TackleError('throttled', `Too many wrong credentials; try again in ${retryAfterSeconds} s`, {
    details: { retryAfterSeconds },
  });
}
