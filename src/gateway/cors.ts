import type { IncomingMessage } from 'node:http';

/**
 * App traffic is open to every origin, as on the platform that the apps were written for: what guards it are tokens and
 * auth hooks. The gateway's own surfaces never send these headers.
 */
export function appendCorsHeaders(
  headers: string[],
  request: IncomingMessage,
  set: SetByApp = findCorsHeaders(headers),
): void {
  const { origin } = request.headers;
  if (!set.origin) {
    headers.push('Access-Control-Allow-Origin', origin ?? '*');
    if (origin !== undefined) headers.push('Vary', 'Origin');
  }
  if (!set.credentials) headers.push('Access-Control-Allow-Credentials', 'true');
}

/** Which of these headers an app has set by itself; its own win. */
export interface SetByApp {
  readonly origin: boolean;
  readonly credentials: boolean;
}

export const setByNobody: SetByApp = { origin: false, credentials: false };

export function findCorsHeaders(headers: readonly string[]): SetByApp {
  return {
    origin: hasHeader(headers, 'access-control-allow-origin'),
    credentials: hasHeader(headers, 'access-control-allow-credentials'),
  };
}

export function isPreflight(request: IncomingMessage): boolean {
  return request.method === 'OPTIONS';
}

/** The headers of the platform's own answer to a preflight. */
export function preflightHeaders(request: IncomingMessage): string[] {
  const headers = ['Access-Control-Allow-Methods', 'GET,POST,PUT,PATCH,DELETE,OPTIONS'];
  const asked = request.headers['access-control-request-headers'];
  if (asked !== undefined) headers.push('Access-Control-Allow-Headers', asked);
  headers.push('Access-Control-Max-Age', '600');
  appendCorsHeaders(headers, request);
  return headers;
}

/** `headers` alternates names and values. */
export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    const candidate = headers[index] as string;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return true;
  }
  return false;
}
