import type { createLocalJWKSet, JSONWebKeySet } from 'jose';
import { TackleError } from '../core/errors.ts';
import { isPlainObject } from '../core/json.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import type { JwtClaims, Space } from './types.ts';

/** Loaded by the first space that has a JWKS. */
const loadJose = () => import('jose');

type KeySet = ReturnType<typeof createLocalJWKSet>;

interface CachedKeySet {
  readonly keySet: KeySet;
  readonly fetchedAt: number;
}

const MAX_AGE_MS = 600_000;
/** A token with an unknown key id may ask for fresh keys, but not more often than this. */
const COOLDOWN_MS = 30_000;
const FETCH_TIMEOUT_MS = 5_000;
const MAX_JWKS_BYTES = 262_144;
/** Only signatures with a private key: with an HMAC, the public key of a JWKS could be used as the secret. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Verifies tokens with key sets that are fetched once, kept for ten minutes, and fetched anew for unknown key ids. */
export class JwtVerifier {
  readonly #http: OutboundHttp;
  readonly #now: () => number;
  readonly #cached = new Map<string, CachedKeySet>();
  readonly #failedAt = new Map<string, { readonly time: number; readonly error: unknown }>();
  readonly #fetching = new Map<string, Promise<CachedKeySet>>();

  constructor(http: OutboundHttp, now: () => number) {
    this.#http = http;
    this.#now = now;
  }

  /** The claims, or null when the token is not valid. Rejects when the key set cannot be had. */
  async verify(space: Space, token: string): Promise<JwtClaims | null> {
    if (space.jwksUrl === null || !looksLikeJwt(token)) return null;
    const cached = await this.#keySetOf(space, space.jwksUrl, MAX_AGE_MS);
    const { errors } = await loadJose();
    try {
      return await this.#verifyWith(cached.keySet, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) return null;
    }
    const fresh = await this.#keySetOf(space, space.jwksUrl, COOLDOWN_MS);
    if (fresh === cached) return null;
    return this.#verifyWith(fresh.keySet, token).catch(() => null);
  }

  async #verifyWith(keySet: KeySet, token: string): Promise<JwtClaims> {
    const { jwtVerify } = await loadJose();
    const { payload } = await jwtVerify(token, keySet, {
      algorithms: ALGORITHMS,
      currentDate: new Date(this.#now()),
      requiredClaims: ['exp'],
      clockTolerance: 5,
    });
    return payload;
  }

  async #keySetOf(space: Space, url: string, maxAgeMs: number): Promise<CachedKeySet> {
    // Spaces may reach different networks, so a key set fetched for one must not answer for another.
    const cacheKey = `${space.id} ${url}`;
    const cached = this.#cached.get(cacheKey);
    const now = this.#now();
    if (cached !== undefined && now - cached.fetchedAt < maxAgeMs) return cached;
    const failed = this.#failedAt.get(cacheKey);
    if (failed !== undefined && now - failed.time < COOLDOWN_MS) {
      if (cached !== undefined) return cached;
      throw failed.error;
    }
    const fetching = this.#fetching.get(cacheKey) ?? this.#startFetch(cacheKey, space, url);
    return fetching.catch((error: unknown) => {
      // Keys that were good ten minutes ago are better than refusing everybody while the issuer is down.
      if (cached !== undefined) return cached;
      throw error;
    });
  }

  #startFetch(cacheKey: string, space: Space, url: string): Promise<CachedKeySet> {
    const fetching = this.#fetchKeySet(space, url)
      .then((keySet) => {
        const fetched = { keySet, fetchedAt: this.#now() };
        this.#cached.set(cacheKey, fetched);
        this.#failedAt.delete(cacheKey);
        return fetched;
      })
      .catch((error: unknown) => {
        this.#failedAt.set(cacheKey, { time: this.#now(), error });
        throw error;
      })
      .finally(() => this.#fetching.delete(cacheKey));
    this.#fetching.set(cacheKey, fetching);
    return fetching;
  }

  async #fetchKeySet(space: Space, url: string): Promise<KeySet> {
    const response = await this.#http.request({
      method: 'GET',
      url,
      headers: [['accept', 'application/json']],
      body: null,
      maxRedirects: 3,
      timeoutMs: FETCH_TIMEOUT_MS,
      policy: { allowedCidrs: space.egressCidrs, deniedPorts: [25, 465] },
    });
    const text = await readText(response.body, MAX_JWKS_BYTES);
    if (response.status !== 200) {
      throw new TackleError('invalid_request', `The JWKS endpoint ${url} answered ${response.status} instead of 200`);
    }
    const { createLocalJWKSet } = await loadJose();
    return createLocalJWKSet(parseKeySet(text, url));
  }
}

function looksLikeJwt(token: string): boolean {
  return token.length <= 16_384 && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

function parseKeySet(text: string, url: string): JSONWebKeySet {
  try {
    const value: unknown = JSON.parse(text);
    if (isPlainObject(value) && Array.isArray(value.keys)) return value as unknown as JSONWebKeySet;
  } catch {}
  throw new TackleError('invalid_request', `The JWKS endpoint ${url} did not answer a JSON Web Key Set`);
}

async function readText(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes)
      throw new TackleError('payload_too_large', `The JWKS answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
