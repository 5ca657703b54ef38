import type { IncomingMessage } from 'node:http';
import type { Apps } from '../../apps/apps.ts';
import type { AppAssets } from '../../apps/assets.ts';
import type { SpaceDocuments } from '../../documents/index.ts';
import type { AppFiles } from '../../files/app-files.ts';
import type { BlobStore } from '../../files/blob-store.ts';
import type { Files } from '../../files/files.ts';
import type { SpaceKeyValue } from '../../keyvalue/index.ts';
import type { Projects } from '../../projects/index.ts';
import type { Durable } from '../../workflows/durable.ts';
import type { AdminGuard } from '../admin-guard.ts';
import type { AdminSessions } from '../admin-guard-sessions.ts';
import type { ClientAddress } from '../client-address.ts';

/** Everything that the administration API calls; put together by the server. */
export interface ApiServices {
  readonly projects: Projects;
  readonly apps: Pick<Apps, 'deploy' | 'rollback' | 'undeploy' | 'listVersions' | 'live'>;
  readonly durable: Pick<Durable, 'queues' | 'workflows'>;
  documentsOf(spaceId: string): SpaceDocuments;
  keyValueOf(spaceId: string): SpaceKeyValue;
  readonly files: ApiFiles;
  readonly logs: AppLogs;
  readonly guard: AdminGuard;
  readonly sessions: AdminSessions;
  readClientAddress(request: IncomingMessage): ClientAddress;
  readonly gateway: GatewayFacts;
  /** Stores an event and runs the hooks that listen to it; hooks that somebody waits for have run when it resolves. */
  publishEvent(event: HookEventInput): Promise<PublishedHookEvent>;
  /** Writes the archive of a backup; the stream fails when the backup does. */
  createBackup(options: { readonly withKey: boolean }): Promise<AsyncIterable<Uint8Array>>;
  checkHealth(): Promise<readonly HealthCheck[]>;
  describeSandbox(): Promise<readonly { readonly layer: string; readonly active: boolean; readonly detail: string }[]>;
  now(): number;
  /** Aborts when the gateway stops: streams without an end of their own end then. */
  readonly closing: AbortSignal;
  /** Errors that are the gateway's own fault, and audit entries that could not be written. */
  onError(error: unknown, context: { readonly requestId: string; readonly what: string }): void;
}

/** Files of spaces, and those that travel with deployments. */
export interface ApiFiles {
  readonly files: Files;
  readonly appFiles: AppFiles;
  readonly blobs: BlobStore;
  readonly assets: AppAssets;
}

export interface GatewayFacts {
  readonly version: string;
  readonly home: string;
  readonly startedAt: number;
  /** Origin under which apps are reached, `http://localhost:3011` unless `--public-url` says otherwise. */
  readonly publicUrl: string;
  /** Origin of the gateway's own pages, `http://127.0.0.1:3011` or that of `--admin-host`. */
  readonly adminUrl: string;
  readonly maxBodyBytes: number;
  readonly maxBundleBytes: number;
}

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export type LogLevel = 'error' | 'warn' | 'log' | 'info' | 'debug';

/** A record of an app's log, in the shape that the hosted platform gives it; without the blank before its text. */
export interface LogLine {
  readonly context: string;
  readonly log: string;
  readonly logtype: LogLevel;
  /** ISO. */
  readonly date: string;
  /** Grows with every line. */
  readonly _id: string;
}

export interface LogSelection {
  readonly context?: string;
  /** Text that the line holds. */
  readonly filter?: string;
  readonly level?: LogLevel;
}

/** The logs of apps. */
export interface AppLogs {
  /** The newest lines that match, oldest first. */
  tail(spaceId: string, selection: LogSelection & { readonly limit: number }): Promise<readonly LogLine[]>;
  /** Lines as they come, from the call on, until the returned function is called. */
  follow(spaceId: string, listener: (line: LogLine) => void): () => void;
}

export interface HookEventInput {
  readonly type: string;
  readonly action: string;
  readonly sessionKey: string;
  readonly context?: Record<string, unknown>;
  /** An event with a key that was stored before is not run again. */
  readonly dedupeKey?: string;
}

export interface PublishedHookEvent {
  readonly eventId: string;
  readonly duplicateOf: string | null;
  /** What hooks want to tell the conversation. */
  readonly messages: readonly string[];
  readonly runs: readonly { readonly hook: string; readonly outcome: string }[];
  /** Subscriptions of apps that it was stored for. */
  readonly apps: number;
}
