import { TackleError } from '../core/errors.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import type { Storage } from '../ports/storage.ts';
import { StoredAuditTrail } from './audit.ts';
import { Changes } from './changes.ts';
import { MemoryDirectory } from './directory.ts';
import { JwtVerifier } from './jwt.ts';
import { createProjectAdmin } from './project-admin.ts';
import type { Secrets } from './secrets.ts';
import type { AdminGrant, DirectoryChange, JwtClaims, Projects, ProjectsOptions } from './types.ts';

const DEFAULT_AUDIT_RETENTION_MS = 90 * 86_400_000;
const MAINTENANCE_INTERVAL_MS = 60_000;
const PURGE_PAGE_SIZE = 100;

/** Loads everything into memory. Rejects with `secret_key_mismatch` when a stored secret cannot be decrypted. */
export async function createProjects(
  dependencies: { readonly storage: Storage; readonly secrets: Secrets; readonly http: OutboundHttp },
  options: ProjectsOptions = {},
): Promise<Projects> {
  const { storage, secrets, http } = dependencies;
  const clock = options.clock ?? Date;
  const now = () => clock.now();
  const directory = new MemoryDirectory(secrets, now);
  const audit = new StoredAuditTrail(storage, now, options.auditRetentionMs ?? DEFAULT_AUDIT_RETENTION_MS);
  const changes = new Changes(storage, directory, audit);
  await changes.load();
  const admin = createProjectAdmin({ directory, changes, secrets, now, reservedHosts: options.reservedHosts ?? [] });
  return new StoredProjects({
    storage,
    directory,
    audit,
    changes,
    admin,
    verifier: new JwtVerifier(http, now),
    options,
  });
}

interface Parts extends Pick<Projects, 'admin'> {
  readonly storage: Storage;
  readonly directory: MemoryDirectory;
  readonly audit: StoredAuditTrail;
  readonly changes: Changes;
  readonly verifier: JwtVerifier;
  readonly options: ProjectsOptions;
}

class StoredProjects implements Projects {
  readonly admin: Projects['admin'];
  readonly audit: StoredAuditTrail;
  readonly #storage: Storage;
  readonly #directory: MemoryDirectory;
  readonly #changes: Changes;
  readonly #verifier: JwtVerifier;
  readonly #options: ProjectsOptions;
  readonly #timer: NodeJS.Timeout;
  #maintenance: Promise<void> | null = null;

  constructor({ storage, directory, audit, changes, admin, verifier, options }: Parts) {
    this.admin = admin;
    this.audit = audit;
    this.#storage = storage;
    this.#directory = directory;
    this.#changes = changes;
    this.#verifier = verifier;
    this.#options = options;
    this.#timer = setInterval(() => this.#maintainInBackground(), MAINTENANCE_INTERVAL_MS).unref();
    changes.onChange((change) => {
      if (change.kind === 'space' && change.action === 'removed') this.#maintainInBackground();
    });
  }

  resolveHost(host: string) {
    return this.#directory.resolveHost(host);
  }
  listProjects() {
    return this.#directory.listProjects();
  }
  getProject(projectId: string) {
    return this.#directory.getProject(projectId);
  }
  findProject(name: string) {
    return this.#directory.findProject(name);
  }
  findProjectAt(name: string) {
    return this.#directory.findProjectAt(name);
  }
  listProjectsNamed(name: string) {
    return this.#directory.listProjectsNamed(name);
  }
  listSpaces(projectId: string) {
    return this.#directory.listSpaces(projectId);
  }
  getSpace(spaceId: string) {
    return this.#directory.getSpace(spaceId);
  }
  findSpace(projectId: string, name: string) {
    return this.#directory.findSpace(projectId, name);
  }
  getEnv(spaceId: string) {
    return this.#directory.getEnv(spaceId);
  }
  authenticateToken(spaceId: string, key: string) {
    return this.#directory.authenticateToken(spaceId, key);
  }
  isAllowedAddress(spaceId: string, address: string) {
    return this.#directory.isAllowedAddress(spaceId, address);
  }
  authenticateAdmin(token: string): AdminGrant {
    return this.#directory.authenticateAdmin(token);
  }
  listTokens(spaceId: string) {
    return this.#directory.listTokens(spaceId);
  }
  listEnv(spaceId: string) {
    return this.#directory.listEnv(spaceId);
  }
  listDomains(projectId?: string) {
    return this.#directory.listDomains(projectId);
  }
  listAdminTokens() {
    return this.#directory.listAdminTokens();
  }
  getAdminToken(id: string) {
    return this.#directory.getAdminToken(id);
  }

  async verifyJwt(spaceId: string, token: string): Promise<JwtClaims | null> {
    const space = this.#directory.getSpace(spaceId);
    if (space === null) return null;
    try {
      return await this.#verifier.verify(space, token);
    } catch (error) {
      this.#warn('The JWKS of a space could not be fetched', error, { space: `${space.projectId}/${space.name}` });
      return null;
    }
  }

  onChange(listener: (change: DirectoryChange) => void): () => void {
    return this.#changes.onChange(listener);
  }

  maintain(): Promise<void> {
    this.#maintenance ??= this.#maintainNow().finally(() => {
      this.#maintenance = null;
    });
    return this.#maintenance;
  }

  /** Finishes changes under way and writes last uses. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#changes.settled();
    await this.#maintenance?.catch(() => undefined);
    await this.#saveLastUses().catch((error: unknown) => this.#warn('Last uses of tokens were not saved', error));
  }

  #maintainInBackground(): void {
    this.maintain().catch((error: unknown) =>
      this.#warn('Maintenance of projects failed; it runs again in a minute', error),
    );
  }

  async #maintainNow(): Promise<void> {
    await this.#saveLastUses();
    await this.audit.removeExpired();
    await this.#purgeRemovedSpaces();
  }

  async #saveLastUses(): Promise<void> {
    const uses = this.#directory.takeUnsavedUses();
    for (let start = 0; start < uses.length; start += PURGE_PAGE_SIZE) {
      const page = uses.slice(start, start + PURGE_PAGE_SIZE);
      await this.#storage.commit<'record.put'[]>(
        page.map(({ key, time }) => ({ kind: 'record.put', type: 'last-use', key, value: time, expect: 'any' })),
        { lane: { lane: 'system' } },
      );
    }
  }

  async #purgeRemovedSpaces(): Promise<void> {
    const { purgeSpace } = this.#options;
    if (purgeSpace === undefined) return;
    const removed = await this.#storage.read({
      kind: 'record.list',
      type: 'purge',
      prefix: '',
      limit: PURGE_PAGE_SIZE,
    });
    for (const { key: spaceId } of removed) {
      await purgeSpace(spaceId);
      await this.#storage.commit([{ kind: 'record.remove', type: 'purge', key: spaceId }], {
        lane: { lane: 'system' },
      });
    }
  }

  #warn(message: string, error: unknown, details: Record<string, string> = {}): void {
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof TackleError ? error.code : 'internal';
    this.#options.onWarning?.(message, { ...details, code, reason });
  }
}
