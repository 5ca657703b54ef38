import { timingSafeEqual } from 'node:crypto';
import type { Json } from '../core/json.ts';
import {
  compileAllowedHosts,
  isLocalHost,
  labelOf,
  normalizeHost,
  PROJECT_HOST_SUFFIXES,
  SPACE_HOST_SUFFIXES,
} from './hosts.ts';
import type { Secrets } from './secrets.ts';
import {
  type DirectoryType,
  hashToken,
  keys,
  type StoredAdminToken,
  type StoredDomain,
  type StoredEnv,
  type StoredProject,
  type StoredSpace,
  type StoredToken,
  sealContext,
} from './stored.ts';
import type {
  AdminGrant,
  AdminToken,
  Directory,
  Domain,
  EnvVariable,
  HostTarget,
  Project,
  Space,
  SpaceToken,
  TokenGrant,
} from './types.ts';

interface SpaceEntry {
  readonly space: Space;
  readonly revision: number;
  readonly tokens: Map<string, SpaceToken>;
  readonly env: Map<string, { readonly value: string; readonly encrypted: boolean }>;
  readonly isAllowed: (address: string) => boolean;
  /** Built on the first read after a change. */
  plainEnv: Readonly<Record<string, string>> | null;
}

interface AdminTokenEntry {
  readonly token: AdminToken;
  readonly secretHash: Buffer;
}

const HOST_CACHE_SIZE = 1000;

/**
 * All records of this room as maps. `apply` is the only way in, for loading and for changes alike, so that the maps
 * cannot differ from what a restart would load.
 */
export class MemoryDirectory implements Directory {
  readonly #secrets: Secrets;
  readonly #now: () => number;
  readonly #projects = new Map<string, Project>();
  /** The oldest first. */
  readonly #projectsByName = new Map<string, readonly Project[]>();
  readonly #spaces = new Map<string, SpaceEntry>();
  readonly #spacesByKey = new Map<string, SpaceEntry>();
  readonly #spacesByLabel = new Map<string, SpaceEntry>();
  readonly #domains = new Map<string, Domain>();
  readonly #adminTokens = new Map<string, AdminTokenEntry>();
  readonly #lastUses = new Map<string, number>();
  readonly #unsavedUses = new Set<string>();
  readonly #targetsByHostHeader = new Map<string, HostTarget>();

  constructor(secrets: Secrets, now: () => number) {
    this.#secrets = secrets;
    this.#now = now;
  }

  /** Shows one record as it now is in the storage; null when it was removed. */
  apply(type: DirectoryType, key: string, value: Json | null, revision: number): void {
    this.#targetsByHostHeader.clear();
    if (type === 'project') this.#applyProject(key, value as StoredProject | null);
    else if (type === 'space') this.#applySpace(key, value as StoredSpace | null, revision);
    else if (type === 'token') this.#applyToken(key, value as StoredToken | null);
    else if (type === 'env') this.#applyEnv(key, value as StoredEnv | null);
    else if (type === 'domain') this.#applyDomain(key, value as StoredDomain | null);
    else if (type === 'admin-token') this.#applyAdminToken(key, value as StoredAdminToken | null);
    else this.#applyLastUse(key, value as number | null);
  }

  resolveHost(header: string): HostTarget | null {
    const cached = this.#targetsByHostHeader.get(header);
    if (cached !== undefined) return cached;
    const host = normalizeHost(header);
    const target = host === null ? null : this.#resolveNormalized(host);
    if (target !== null) {
      if (this.#targetsByHostHeader.size >= HOST_CACHE_SIZE) this.#targetsByHostHeader.clear();
      this.#targetsByHostHeader.set(header, target);
    }
    return target;
  }

  listProjects(): readonly Project[] {
    return [...this.#projects.values()].sort(compareAge);
  }

  getProject(projectId: string): Project | null {
    return this.#projects.get(projectId) ?? null;
  }

  findProject(name: string): Project | null {
    const [only, ...others] = this.listProjectsNamed(name);
    return this.#projects.get(name) ?? (others.length === 0 ? only : undefined) ?? null;
  }

  findProjectAt(name: string): Project | null {
    return this.#projects.get(name) ?? this.#projectsByName.get(name)?.[0] ?? null;
  }

  listProjectsNamed(name: string): readonly Project[] {
    return this.#projectsByName.get(name) ?? [];
  }

  listSpaces(projectId: string): readonly Space[] {
    const spaces = [...this.#spaces.values()]
      .map((entry) => entry.space)
      .filter((space) => space.projectId === projectId);
    return spaces.sort((a, b) => a.createdAt - b.createdAt || compareText(a.name, b.name));
  }

  getSpace(spaceId: string): Space | null {
    return this.#spaces.get(spaceId)?.space ?? null;
  }

  /** The revision that a change of the space's record must still find. */
  getSpaceRevision(spaceId: string): number {
    return this.#spaces.get(spaceId)?.revision ?? 0;
  }

  findSpace(projectId: string, name: string): Space | null {
    return this.#spacesByKey.get(keys.space(projectId, name))?.space ?? null;
  }

  getEnv(spaceId: string): Readonly<Record<string, string>> {
    const entry = this.#spaces.get(spaceId);
    if (entry === undefined) return {};
    entry.plainEnv ??= Object.freeze(Object.fromEntries([...entry.env].map(([key, { value }]) => [key, value])));
    return entry.plainEnv;
  }

  authenticateToken(spaceId: string, key: string): TokenGrant | null {
    const tokenHash = hashToken(key);
    const token = this.#spaces.get(spaceId)?.tokens.get(tokenHash);
    const now = this.#now();
    if (token === undefined || (token.expiresAt !== null && token.expiresAt <= now)) return null;
    this.#noteUse(keys.tokenUse(spaceId, tokenHash), now);
    return { key: token.key, access: token.access };
  }

  isAllowedAddress(spaceId: string, address: string): boolean {
    return this.#spaces.get(spaceId)?.isAllowed(address) ?? false;
  }

  authenticateAdmin(presented: string): AdminGrant {
    const id = adminTokenId(presented);
    const entry = id === null ? undefined : this.#adminTokens.get(id);
    if (entry === undefined) return { status: 'refused', reason: 'unknown', tokenId: null };
    const { token } = entry;
    if (!timingSafeEqual(Buffer.from(hashToken(presented)), entry.secretHash)) {
      return { status: 'refused', reason: 'wrong', tokenId: token.id };
    }
    const now = this.#now();
    if (token.expiresAt !== null && token.expiresAt <= now) {
      return { status: 'refused', reason: 'expired', tokenId: token.id };
    }
    this.#noteUse(keys.adminTokenUse(token.id), now);
    return { status: 'granted', token: this.#withAdminUse(token) };
  }

  listTokens(spaceId: string): readonly SpaceToken[] {
    const tokens = [...(this.#spaces.get(spaceId)?.tokens ?? [])];
    return tokens
      .map(([hash, token]) => ({ ...token, lastUsedAt: this.#lastUses.get(keys.tokenUse(spaceId, hash)) ?? null }))
      .sort((a, b) => a.createdAt - b.createdAt || compareText(a.key, b.key));
  }

  listEnv(spaceId: string): readonly EnvVariable[] {
    const variables = [...(this.#spaces.get(spaceId)?.env ?? [])];
    return variables
      .map(([key, { value, encrypted }]) => ({ key, value: encrypted ? null : value, encrypted }))
      .sort((a, b) => compareText(a.key, b.key));
  }

  listDomains(projectId?: string): readonly Domain[] {
    const domains = [...this.#domains.values()].filter(
      (domain) => projectId === undefined || domain.projectId === projectId,
    );
    return domains.sort((a, b) => compareText(a.host, b.host));
  }

  listAdminTokens(): readonly AdminToken[] {
    const tokens = [...this.#adminTokens.values()].map((entry) => this.#withAdminUse(entry.token));
    return tokens.sort((a, b) => a.createdAt - b.createdAt || compareText(a.id, b.id));
  }

  getAdminToken(id: string): AdminToken | null {
    const entry = this.#adminTokens.get(id);
    return entry === undefined ? null : this.#withAdminUse(entry.token);
  }

  /** True when a label is the generated host label of some space. */
  isHostLabel(label: string): boolean {
    return this.#spacesByLabel.has(label);
  }

  /** True when a label is the generated host label of some space, or the name of some project. */
  isLabelTaken(label: string): boolean {
    return this.#spacesByLabel.has(label) || this.#projects.has(label) || this.#projectsByName.has(label);
  }

  /** Last uses since the last call, by record key; only of tokens that still exist. */
  takeUnsavedUses(): readonly { readonly key: string; readonly time: number }[] {
    const uses = [...this.#unsavedUses].map((key) => ({ key, time: this.#lastUses.get(key) }));
    this.#unsavedUses.clear();
    return uses.filter((use): use is { key: string; time: number } => use.time !== undefined);
  }

  #resolveNormalized(host: string): HostTarget | null {
    if (isLocalHost(host)) {
      const [project, ...others] = this.#projects.values();
      return { kind: 'local', project: project !== undefined && others.length === 0 ? project : null };
    }
    const domain = this.#domains.get(host);
    if (domain !== undefined) return this.#targetOfDomain(domain);
    const projectLabel = labelOf(host, PROJECT_HOST_SUFFIXES);
    const project = projectLabel === null ? null : this.findProjectAt(projectLabel);
    if (project !== null) return { kind: 'project', project };
    const spaceLabel = labelOf(host, SPACE_HOST_SUFFIXES);
    const entry = spaceLabel === null ? undefined : this.#spacesByLabel.get(spaceLabel);
    return entry === undefined ? null : this.#targetOfSpace(entry.space);
  }

  #targetOfDomain(domain: Domain): HostTarget | null {
    const project = this.getProject(domain.projectId);
    if (project === null) return null;
    if (domain.spaceId === null) return { kind: 'project', project };
    const space = this.getSpace(domain.spaceId);
    return space === null ? null : { kind: 'space', project, space };
  }

  #targetOfSpace(space: Space): HostTarget | null {
    const project = this.getProject(space.projectId);
    return project === null ? null : { kind: 'space', project, space };
  }

  #applyProject(id: string, value: StoredProject | null): void {
    const before = this.#projects.get(id);
    if (before !== undefined) {
      const others = this.listProjectsNamed(before.name).filter((project) => project !== before);
      if (others.length === 0) this.#projectsByName.delete(before.name);
      else this.#projectsByName.set(before.name, others);
    }
    if (value === null) {
      this.#projects.delete(id);
      return;
    }
    const project: Project = { id, ...value };
    this.#projects.set(id, project);
    this.#projectsByName.set(value.name, [...this.listProjectsNamed(value.name), project].sort(compareAge));
  }

  #applySpace(key: string, value: StoredSpace | null, revision: number): void {
    const before = this.#spacesByKey.get(key);
    if (before !== undefined) {
      this.#spacesByKey.delete(key);
      this.#spaces.delete(before.space.id);
      this.#spacesByLabel.delete(before.space.hostLabel);
    }
    if (value === null) return;
    const separator = key.indexOf('/');
    const space: Space = { ...value, projectId: key.slice(0, separator), name: key.slice(separator + 1) };
    const kept = before?.space.id === space.id ? before : undefined;
    const entry: SpaceEntry = {
      space,
      revision,
      tokens: kept?.tokens ?? new Map(),
      env: kept?.env ?? new Map(),
      isAllowed: compileAllowedHosts(space.allowedHosts),
      plainEnv: kept?.plainEnv ?? null,
    };
    this.#spacesByKey.set(key, entry);
    this.#spaces.set(space.id, entry);
    this.#spacesByLabel.set(space.hostLabel, entry);
  }

  #applyToken(key: string, value: StoredToken | null): void {
    const [spaceId, tokenHash] = splitKey(key);
    const entry = this.#spaces.get(spaceId);
    if (value === null || entry === undefined) {
      entry?.tokens.delete(tokenHash);
      return;
    }
    const { sealedKey, ...rest } = value;
    const plain = this.#secrets.open(sealedKey, sealContext.token(entry.space.projectId, spaceId, tokenHash));
    entry.tokens.set(tokenHash, { ...rest, key: plain, spaceId, lastUsedAt: null });
  }

  #applyEnv(key: string, value: StoredEnv | null): void {
    const [spaceId, name] = splitKey(key);
    const entry = this.#spaces.get(spaceId);
    if (entry === undefined) return;
    entry.plainEnv = null;
    if (value === null) entry.env.delete(name);
    else if ('value' in value) entry.env.set(name, { value: value.value, encrypted: false });
    else {
      const plain = this.#secrets.open(value.sealed, sealContext.env(entry.space.projectId, spaceId, name));
      entry.env.set(name, { value: plain, encrypted: true });
    }
  }

  #applyDomain(host: string, value: StoredDomain | null): void {
    if (value === null) this.#domains.delete(host);
    else this.#domains.set(host, { host, ...value });
  }

  #applyAdminToken(id: string, value: StoredAdminToken | null): void {
    if (value === null) {
      this.#adminTokens.delete(id);
      return;
    }
    const { secretHash, ...rest } = value;
    this.#adminTokens.set(id, { token: { id, ...rest, lastUsedAt: null }, secretHash: Buffer.from(secretHash) });
  }

  #applyLastUse(key: string, value: number | null): void {
    if (value !== null) {
      this.#lastUses.set(key, value);
      return;
    }
    this.#lastUses.delete(key);
    this.#unsavedUses.delete(key);
  }

  #noteUse(key: string, time: number): void {
    this.#lastUses.set(key, time);
    this.#unsavedUses.add(key);
  }

  #withAdminUse(token: AdminToken): AdminToken {
    return { ...token, lastUsedAt: this.#lastUses.get(keys.adminTokenUse(token.id)) ?? null };
  }
}

/** `tka_<id>_<secret>`: the id finds the token, so that comparing secrets takes one hash and constant time. */
function adminTokenId(presented: string): string | null {
  return /^tka_([a-z0-9]{12})_[A-Za-z0-9_-]{43}$/.exec(presented)?.[1] ?? null;
}

function splitKey(key: string): [string, string] {
  const separator = key.indexOf('/');
  return [key.slice(0, separator), key.slice(separator + 1)];
}

function compareAge(a: Project, b: Project): number {
  return a.createdAt - b.createdAt || compareText(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
