import { hash } from 'node:crypto';
import type { Json } from '../core/json.ts';
import type { AdminScope, SpaceQuotas, TokenAccess } from './types.ts';

/** How the records of this room look in the storage; their keys are built here and nowhere else. Loaded in this order, because a token or variable is decrypted in the context of its space. */
export const DIRECTORY_TYPES = ['project', 'space', 'domain', 'token', 'env', 'admin-token', 'last-use'] as const;
export type DirectoryType = (typeof DIRECTORY_TYPES)[number];

export interface StoredProject {
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
}

/** Key: `project/spaceName`. */
export interface StoredSpace {
  readonly id: string;
  readonly hostLabel: string;
  readonly jwksUrl: string | null;
  readonly allowedHosts: readonly string[];
  readonly egressCidrs: readonly string[];
  readonly quotas: SpaceQuotas;
  readonly createdAt: number;
}

/** Key: `spaceId/hash of the key`. */
export interface StoredToken {
  readonly sealedKey: string;
  readonly access: TokenAccess;
  readonly description: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** Key: `spaceId/NAME`. Exactly one of the two is set. */
export type StoredEnv = { readonly value: string } | { readonly sealed: string };

/** Key: the host. */
export interface StoredDomain {
  readonly projectId: string;
  readonly spaceId: string | null;
  readonly createdAt: number;
}

/** Key: the token's id. Only the hash of the secret is kept. */
export interface StoredAdminToken {
  readonly secretHash: string;
  readonly scope: AdminScope;
  readonly description: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** Tokens are random with at least 122 bits, so a plain hash is enough. */
export function hashToken(token: string): string {
  return hash('sha256', token, 'base64url');
}

export const keys = {
  space: (projectId: string, name: string) => `${projectId}/${name}`,
  token: (spaceId: string, tokenHash: string) => `${spaceId}/${tokenHash}`,
  env: (spaceId: string, name: string) => `${spaceId}/${name}`,
  tokenUse: (spaceId: string, tokenHash: string) => `token/${spaceId}/${tokenHash}`,
  adminTokenUse: (id: string) => `admin/${id}`,
};

/** What ciphertexts are bound to: project, space, name. */
export const sealContext = {
  token: (projectId: string, spaceId: string, tokenHash: string) => [projectId, spaceId, `token/${tokenHash}`],
  env: (projectId: string, spaceId: string, name: string) => [projectId, spaceId, `env/${name}`],
};

/** The shapes above are JSON; TypeScript does not see that of an interface. */
export function toJson(value: object): Json {
  return value as unknown as Json;
}
