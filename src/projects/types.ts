import type { JsonObject } from '../core/json.ts';

/** Who acts: written into the audit record of every administrative change. */
export interface Actor {
  readonly kind: 'admin-token' | 'session' | 'system';
  /** Token id, session id, or the name of the part of the gateway that acts by itself. */
  readonly id: string;
  readonly name: string;
  /** Remote address, null for `system`. */
  readonly address: string | null;
}

export interface Project {
  /** The generated unique name, `name-xxxx`; never changes. */
  readonly id: string;
  /** As given by the user; several projects may share it. */
  readonly name: string;
  readonly description: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** Null means no limit of the space's own; the gateway's ceilings still hold. */
export interface SpaceQuotas {
  readonly maxBytes: number | null;
  readonly maxDocuments: number | null;
  readonly maxRequestsPerSecond: number | null;
}

export interface Space {
  /** Opaque and never reused: the key of everything that the space stores. */
  readonly id: string;
  readonly projectId: string;
  /** The first path segment of its URLs. */
  readonly name: string;
  /** Generated label `adjective-noun-xxxx` of the host that is bound to this space. */
  readonly hostLabel: string;
  readonly jwksUrl: string | null;
  /** IPv4 addresses or CIDRs that may call the app; empty allows everybody. */
  readonly allowedHosts: readonly string[];
  /** Private CIDRs that the app may connect to. */
  readonly egressCidrs: readonly string[];
  readonly quotas: SpaceQuotas;
  readonly createdAt: number;
}

export type TokenAccess = 'READWRITE' | 'READ';

/** A token of app traffic (`x-apikey`). The key is kept encrypted, because `info` shows it. */
export interface SpaceToken {
  /** The uuid that clients send. */
  readonly key: string;
  readonly spaceId: string;
  readonly access: TokenAccess;
  readonly description: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  /** Written with a delay of up to a minute. */
  readonly lastUsedAt: number | null;
}

export interface EnvVariable {
  readonly key: string;
  /** Null when the variable is encrypted: its value is shown to nobody but the app. */
  readonly value: string | null;
  readonly encrypted: boolean;
}

export interface Domain {
  /** Lower case, without port. */
  readonly host: string;
  readonly projectId: string;
  /** Null: the first path segment selects the space. */
  readonly spaceId: string | null;
  readonly createdAt: number;
}

export type AdminScope = { readonly kind: 'home' } | { readonly kind: 'project'; readonly projectId: string };

export interface AdminToken {
  readonly id: string;
  readonly description: string;
  readonly scope: AdminScope;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

/** What the Host header of a request selects. */
export type HostTarget =
  /** A host of one project: the first path segment is the space, every path belongs to the app. */
  | { readonly kind: 'project'; readonly project: Project }
  /** A host bound to one space: the whole path belongs to the app. */
  | { readonly kind: 'space'; readonly project: Project; readonly space: Space }
  /**
   * `localhost`, `127.0.0.1` or `[::1]`: reserved first segments win, then a space of the only project. `project` is
   * null when there is none or more than one.
   */
  | { readonly kind: 'local'; readonly project: Project | null };

export interface TokenGrant {
  readonly key: string;
  readonly access: TokenAccess;
}

export type AdminGrant =
  | { readonly status: 'granted'; readonly token: AdminToken }
  /** `tokenId` is the existing token whose secret was wrong, or null; for throttling. */
  | { readonly status: 'refused'; readonly reason: 'unknown' | 'wrong' | 'expired'; readonly tokenId: string | null };

export interface AuditEntry {
  readonly id: string;
  readonly time: number;
  readonly actor: Actor;
  /** Noun and verb, for example `space.create`. */
  readonly action: string;
  /** What it was done to, as a path: `project/space/name`. */
  readonly target: string;
  /** Never holds a secret value. */
  readonly details: JsonObject;
}

/** What changed; sent after the change is durable and the directory shows it. */
export interface DirectoryChange {
  readonly kind: 'project' | 'space' | 'token' | 'env' | 'domain' | 'admin-token';
  readonly action: 'created' | 'changed' | 'removed';
  readonly projectId: string | null;
  readonly spaceId: string | null;
}

/** The claims of a verified token. */
export type JwtClaims = Readonly<Record<string, unknown>>;

/** Synchronous lookups in memory: what the path of a request may use. */
export interface Directory {
  /** `host` as in the Host header, port allowed. Null when this gateway does not serve it (421). */
  resolveHost(host: string): HostTarget | null;
  listProjects(): readonly Project[];
  getProject(projectId: string): Project | null;
  /** By unique name, or by the given name when exactly one project has it. */
  findProject(name: string): Project | null;
  /**
   * The project whose addresses begin with this name: by unique name, or the oldest one with this given name. A project
   * that is created later under the same name must not take the addresses that others use.
   */
  findProjectAt(name: string): Project | null;
  /** All projects with this given name, the oldest first. */
  listProjectsNamed(name: string): readonly Project[];
  listSpaces(projectId: string): readonly Space[];
  getSpace(spaceId: string): Space | null;
  findSpace(projectId: string, name: string): Space | null;
  /** All variables with their plain values, for the app's process only. The same object until one changes. */
  getEnv(spaceId: string): Readonly<Record<string, string>>;
  /** Null when the key is unknown in this space or expired. */
  authenticateToken(spaceId: string, key: string): TokenGrant | null;
  /** True when the space has no list, or the address is on it. IPv4-mapped IPv6 counts as IPv4. */
  isAllowedAddress(spaceId: string, address: string): boolean;
  authenticateAdmin(token: string): AdminGrant;
  listTokens(spaceId: string): readonly SpaceToken[];
  listEnv(spaceId: string): readonly EnvVariable[];
  listDomains(projectId?: string): readonly Domain[];
  listAdminTokens(): readonly AdminToken[];
  getAdminToken(id: string): AdminToken | null;
}

/**
 * Every change is one commit together with its audit entry, and is visible in the directory when the promise resolves.
 * All reject with `invalid_name`, `invalid_request`, `not_found` or `conflict`.
 */
export interface ProjectAdmin {
  /** Creates the project with its space `dev` and one READWRITE token. */
  createProject(input: { readonly name: string; readonly description?: string }, actor: Actor): Promise<Project>;
  removeProject(projectId: string, actor: Actor): Promise<void>;
  createSpace(input: { readonly projectId: string; readonly name: string }, actor: Actor): Promise<Space>;
  removeSpace(spaceId: string, actor: Actor): Promise<void>;
  setJwksUrl(spaceId: string, url: string | null, actor: Actor): Promise<Space>;
  addAllowedHost(spaceId: string, host: string, actor: Actor): Promise<Space>;
  removeAllowedHost(spaceId: string, host: string, actor: Actor): Promise<Space>;
  setEgressCidrs(spaceId: string, cidrs: readonly string[], actor: Actor): Promise<Space>;
  setQuotas(spaceId: string, quotas: Partial<SpaceQuotas>, actor: Actor): Promise<Space>;
  createToken(
    input: {
      readonly spaceId: string;
      readonly access: TokenAccess;
      readonly description?: string;
      readonly expiresAt?: number | null;
    },
    actor: Actor,
  ): Promise<SpaceToken>;
  removeToken(spaceId: string, key: string, actor: Actor): Promise<void>;
  setEnv(
    input: { readonly spaceId: string; readonly key: string; readonly value: string; readonly encrypted: boolean },
    actor: Actor,
  ): Promise<EnvVariable>;
  removeEnv(spaceId: string, key: string, actor: Actor): Promise<void>;
  addDomain(
    input: { readonly host: string; readonly projectId: string; readonly spaceId: string | null },
    actor: Actor,
  ): Promise<Domain>;
  removeDomain(host: string, actor: Actor): Promise<void>;
  /** The secret is in this answer only; the gateway keeps its hash. */
  createAdminToken(
    input: { readonly scope: AdminScope; readonly description?: string; readonly expiresAt?: number | null },
    actor: Actor,
  ): Promise<{ readonly token: AdminToken; readonly secret: string }>;
  removeAdminToken(id: string, actor: Actor): Promise<void>;
}

export interface AuditTrail {
  /** For actions of other rooms (deployments, imports, dropped collections). */
  append(entry: Omit<AuditEntry, 'id' | 'time'>): Promise<void>;
  /** Newest first; `before` is the id of the last entry of the page before. */
  list(options: { readonly limit: number; readonly before?: string }): Promise<readonly AuditEntry[]>;
}

export interface Projects extends Directory, AsyncDisposable {
  readonly admin: ProjectAdmin;
  readonly audit: AuditTrail;
  /**
   * Checks signature, key id and expiry with the space's JWKS. Null when the space has none, or the token is not valid
   * for it; an unreachable JWKS endpoint is null too, and reported through `onWarning`.
   */
  verifyJwt(spaceId: string, token: string): Promise<JwtClaims | null>;
  onChange(listener: (change: DirectoryChange) => void): () => void;
  /** Writes last uses, removes audit entries past retention, finishes interrupted removals. Runs by itself each minute. */
  maintain(): Promise<void>;
}

export interface ProjectsOptions {
  readonly clock?: { now(): number };
  /** Hosts of the gateway itself (admin host, public URL): no domain may take them. */
  readonly reservedHosts?: readonly string[];
  /** Default 90 days. */
  readonly auditRetentionMs?: number;
  /** Deletes what a removed space has stored; may be called again after a crash. */
  readonly purgeSpace?: (spaceId: string) => Promise<void>;
  readonly onWarning?: (message: string, details: JsonObject) => void;
}
