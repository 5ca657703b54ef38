/** The public shapes of the engine: what a gateway, a script or a test passes in and gets back. */
import type { HookEvent } from '../core/hook-event.ts';
import type { HookProfile } from '../core/hook-selection.ts';
import type { HostAdapter } from './host-adapter.ts';
import type { EventMode, HookJournal, RunFilter, RunRecord } from './journal/journal.ts';
import type { HookLogger } from './logging/logger.ts';
import type { HookCheckReport, HookInfoReport, HookListReport, ListOptions } from './reports.ts';

export interface HookEngineOptions {
  readonly configPath?: string;
  readonly stateDir?: string;
  /** Tackle's home, when it was given explicitly. */
  readonly homeDir?: string;
  readonly profile?: HookProfile;
  readonly host?: HostAdapter;
  /** Where events and runs are kept; a SQLite file in the home when absent. */
  readonly journal?: HookJournal;
  readonly logger?: HookLogger;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Reload when a hook's files or the configuration change. */
  readonly watch?: boolean;
  /** Run detached events that an earlier process left unfinished. Only the one gateway of a home should. */
  readonly recover?: boolean;
  readonly bundledHooksDir?: string;
  /** Limits in milliseconds; defaults 30 s awaited, 5 min detached, 10 s load. */
  readonly awaitedTimeoutMs?: number;
  readonly detachedTimeoutMs?: number;
  readonly loadTimeoutMs?: number;
  /** When an event is flushed to the disk: `detached` (default) only where nobody waits, `never` survives a crash of the process but not of the machine. */
  readonly fsync?: 'always' | 'detached' | 'never';
}

export interface StartReport {
  /** Hooks that registered at least one key. */
  readonly loaded: number;
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  /** Unfinished events of an earlier process that run again. */
  readonly recovered: number;
  readonly warnings: readonly string[];
}

export interface ReloadReport {
  readonly ok: boolean;
  readonly loaded: number;
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  /** Why the old set is still in place, when `ok` is false. */
  readonly error?: string;
}

export interface EmitOptions {
  readonly mode?: EventMode;
  /** For all handlers of an awaited event together. */
  readonly deadlineMs?: number;
  /** An event with a key that was stored before is not run again. */
  readonly dedupeKey?: string;
  /** Delivers the joined texts of a chat `/new` or `/reset`; without it the host's `sendMessage` does. */
  readonly deliver?: (text: string) => Promise<void>;
  /** Only this hook hears the event. */
  readonly hook?: string;
  readonly timestamp?: Date;
}

export interface EmitResult {
  readonly eventId: string;
  /** Texts that handlers pushed, in order. */
  readonly messages: readonly string[];
  /** The context as the handlers left it; of a detached event the context as it was given. */
  readonly context: Record<string, unknown>;
  /** Empty for detached events: see `listRuns`. */
  readonly runs: readonly RunRecord[];
  /** True when a handler set `event.cancel` and `compat.cancel` allows it. */
  readonly cancelled: boolean;
  /** The id of the event that had the same dedupe key. */
  readonly duplicateOf?: string;
  /** Members that handlers added to the event itself. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface ReplayFilter {
  readonly runId?: string;
  readonly eventId?: string;
  readonly hook?: string;
  /** Default: dead letters, or every failure when a run or an event is named. */
  readonly outcomes?: RunFilter['outcomes'];
  readonly limit?: number;
  readonly dryRun?: boolean;
}

export interface ReplayReport {
  readonly replayed: readonly {
    readonly eventId: string;
    readonly key: string;
    readonly hook: string;
    readonly outcome?: RunRecord['outcome'];
  }[];
  readonly skipped: readonly { readonly eventId: string; readonly hook: string; readonly reason: string }[];
}

export interface OnOptions {
  /** Names the listener in records; also what recovery finds it by. */
  readonly name: string;
  /** Higher runs first; default 0. */
  readonly priority?: number;
  readonly agentId?: string;
  readonly timeoutMs?: number;
  readonly retry?: Readonly<Record<string, unknown>>;
}

export interface HookEngine {
  /** Discovers, loads and registers. Rejects with `invalid_config` when the configuration cannot be read. */
  readonly start: () => Promise<StartReport>;
  /** Rejects only when a detached event cannot be stored. */
  readonly emit: (
    type: string,
    action: string,
    sessionKey: string,
    context?: Record<string, unknown>,
    options?: EmitOptions,
  ) => Promise<EmitResult>;
  /** `emit` for an event object that exists already. */
  readonly dispatch: (event: HookEvent, options?: EmitOptions) => Promise<EmitResult>;
  /** Fires a key by hand, waits for all handlers whatever the key, and returns their records. */
  readonly fire: (key: string, options?: FireOptions) => Promise<EmitResult>;
  /** Adds a listener in this process, for trusted code. Returns the function that removes it. */
  readonly on: (key: string, handler: (event: HookEvent) => unknown, options: OnOptions) => () => void;
  /** Exactly what `hooks list --json` prints. */
  readonly status: (options?: ListOptions) => HookListReport;
  readonly list: (options?: ListOptions) => HookListReport;
  readonly info: (nameOrKey: string) => HookInfoReport | null;
  readonly check: (options?: { readonly agentId?: string }) => HookCheckReport;
  readonly reload: () => Promise<ReloadReport>;
  readonly replay: (filter: ReplayFilter) => Promise<ReplayReport>;
  readonly listRuns: (filter?: RunFilter) => Promise<readonly RunRecord[]>;
  readonly getRegisteredEventKeys: () => readonly string[];
  /** Resolves when no detached event is running or waiting. */
  readonly settle: () => Promise<void>;
  /** Applies plugins' `tool_result_persist`; on any failure the message stays as it is. */
  readonly applyToolResultPersist: (
    event: ToolResultPersistEvent,
    ctx: Readonly<Record<string, unknown>>,
  ) => Promise<unknown>;
  /** Tells plugins about a compaction; never rejects. */
  readonly notifyCompaction: (
    name: 'before_compaction' | 'after_compaction',
    event: Readonly<Record<string, unknown>>,
    ctx: Readonly<Record<string, unknown>>,
  ) => Promise<void>;
  /** Ends within the deadline plus two seconds, whatever handlers do. */
  readonly stop: (options?: { readonly deadlineMs?: number }) => Promise<void>;
}

export interface FireOptions {
  readonly sessionKey?: string;
  readonly context?: Record<string, unknown>;
  readonly hook?: string;
  readonly timestamp?: Date;
}

export interface ToolResultPersistEvent {
  readonly toolName?: string;
  readonly toolCallId?: string;
  readonly message: unknown;
  readonly isSynthetic?: boolean;
}
