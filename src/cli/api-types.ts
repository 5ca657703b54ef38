/** Shapes of docs/api.md that commands read. */

export interface ProjectInfo {
  readonly id: string;
  readonly name: string;
  /** The given name, where addresses may have it in the place of `id`; null when an older project has it. */
  readonly shortName: string | null;
  readonly description: string;
  readonly createdAt: number;
  readonly url: string;
  readonly spaces: readonly SpaceInfo[];
}

export interface SpaceInfo {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly createdAt: number;
  readonly urls: {
    readonly spaceBound: string;
    readonly project: string;
    readonly path: string;
    readonly domains: readonly string[];
  };
  readonly hostLabel: string;
  readonly tokens: readonly TokenInfo[];
  readonly env: readonly EnvInfo[];
  readonly jwks: string | null;
  readonly allowedHosts: readonly string[];
}

export interface TokenInfo {
  readonly key: string;
  readonly access: 'READWRITE' | 'READ';
  readonly description: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

export interface EnvInfo {
  readonly key: string;
  /** Null when encrypted. */
  readonly value: string | null;
  readonly encrypted: boolean;
}

export interface DomainInfo {
  readonly host: string;
  readonly project: string;
  readonly space: string | null;
  readonly createdAt: number;
}

export interface AdminTokenInfo {
  readonly id: string;
  readonly description: string;
  readonly scope: unknown;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

export interface DeploymentInfo {
  readonly version: number;
  readonly status: string;
  readonly kind: string;
  readonly createdAt: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly routes: readonly string[];
  readonly queues: readonly string[];
  readonly workers: readonly string[];
  readonly jobs: readonly string[];
  readonly error: unknown;
}

export interface CollectionInfo {
  readonly name: string;
  readonly count: number;
  readonly indexes: readonly string[];
  readonly schema: unknown;
  readonly cap: number | null;
  readonly capDelayMs: number | null;
  readonly createdAt: number;
}

export interface LogLine {
  readonly context: string;
  readonly log: string;
  readonly logtype: string;
  /** ISO. */
  readonly date: string;
  readonly _id: string;
}

export interface FileInfo {
  readonly name: string;
  readonly path: string;
  readonly isDirectory: boolean;
  readonly size: number;
  /** ISO. */
  readonly lastModified: string;
  readonly contentType: string | null;
  readonly sha256: string | null;
  /** Who brought it; null for directories. */
  readonly origin: 'deployment' | 'upload' | 'app' | null;
}
