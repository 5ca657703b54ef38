import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AdminScope } from '../projects/index.ts';

/** A signed-in browser. It ends with the admin token that opened it. */
export interface Session {
  readonly id: string;
  readonly adminTokenId: string;
  readonly scope: AdminScope;
  readonly csrfToken: string;
  readonly expiresAt: number;
}

/**
 * Sessions of the gateway's own pages, in memory: a restart signs everybody out. Codes, cookies and CSRF tokens are
 * random with 256 bits; codes and cookies are kept as hashes.
 */
export interface AdminSessions {
  /** A code that signs one browser in, once, within ten minutes. */
  createSignInCode(grant: Pick<Session, 'adminTokenId' | 'scope'>): {
    readonly code: string;
    readonly expiresAt: number;
  };
  /** Null when the code is unknown, used or too old. `secret` is the value of the cookie. */
  redeemSignInCode(code: string): { readonly session: Session; readonly secret: string } | null;
  getSession(secret: string): Session | null;
  endSession(secret: string): void;
  isCsrfTokenOf(session: Session, presented: string | undefined): boolean;
}

const CODE_LIFETIME_MS = 10 * 60_000;
const SESSION_LIFETIME_MS = 12 * 3_600_000;
const MAX_ENTRIES = 1000;

export function createAdminSessions(now: () => number): AdminSessions {
  const codes = new Map<string, Pick<Session, 'adminTokenId' | 'scope' | 'expiresAt'>>();
  const sessions = new Map<string, Session>();

  return {
    createSignInCode({ adminTokenId, scope }) {
      const code = randomSecret();
      const expiresAt = now() + CODE_LIFETIME_MS;
      add(codes, hashOf(code), { adminTokenId, scope, expiresAt }, now());
      return { code, expiresAt };
    },
    redeemSignInCode(code) {
      const key = hashOf(code);
      const entry = codes.get(key);
      codes.delete(key);
      if (entry === undefined || entry.expiresAt <= now()) return null;
      const secret = randomSecret();
      const session: Session = {
        id: randomBytes(6).toString('hex'),
        adminTokenId: entry.adminTokenId,
        scope: entry.scope,
        csrfToken: randomSecret(),
        expiresAt: now() + SESSION_LIFETIME_MS,
      };
      add(sessions, hashOf(secret), session, now());
      return { session, secret };
    },
    getSession(secret) {
      const session = sessions.get(hashOf(secret));
      return session !== undefined && session.expiresAt > now() ? session : null;
    },
    endSession(secret) {
      sessions.delete(hashOf(secret));
    },
    isCsrfTokenOf(session, presented) {
      if (presented === undefined) return false;
      return timingSafeEqual(Buffer.from(hashOf(presented)), Buffer.from(hashOf(session.csrfToken)));
    },
  };
}

/** Host-only (no Domain), out of reach for scripts, never sent from other sites. Cookies ignore ports, so the name has it. */
export function serializeSessionCookie(secret: string, request: { readonly host: string; readonly isHttps: boolean }) {
  return `${sessionCookieName(request.host)}=${secret}; ${cookieAttributes(request.isHttps)}; Max-Age=${SESSION_LIFETIME_MS / 1000}`;
}

export function serializeEndedSessionCookie(request: { readonly host: string; readonly isHttps: boolean }): string {
  return `${sessionCookieName(request.host)}=; ${cookieAttributes(request.isHttps)}; Max-Age=0`;
}

export function readSessionCookie(cookieHeader: string | undefined, host: string): string | null {
  const name = sessionCookieName(host);
  for (const pair of cookieHeader?.split(';') ?? []) {
    const [key, value] = pair.split('=', 2);
    if (key?.trim() === name && value !== undefined && value !== '') return value.trim();
  }
  return null;
}

function cookieAttributes(isHttps: boolean): string {
  return `Path=/; HttpOnly; SameSite=Strict${isHttps ? '; Secure' : ''}`;
}

function sessionCookieName(host: string): string {
  return `tackle_session_${/:(\d+)$/.exec(host)?.[1] ?? 'default'}`;
}

function add<Entry extends { readonly expiresAt: number }>(
  entries: Map<string, Entry>,
  key: string,
  entry: Entry,
  time: number,
): void {
  if (entries.size >= MAX_ENTRIES)
    for (const [other, { expiresAt }] of entries) if (expiresAt <= time) entries.delete(other);
  if (entries.size >= MAX_ENTRIES) entries.delete(entries.keys().next().value!);
  entries.set(key, entry);
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

function hashOf(secret: string): string {
  return hash('sha256', secret, 'base64url');
}
