import type { SerializedError } from '../../core/errors.ts';

/** One line of an app's log, as it is stored. */
export interface StoredLog {
  /** Increases with every line. */
  readonly id: number;
  readonly spaceId: string;
  readonly timeMs: number;
  readonly context: string;
  readonly logtype: 'log' | 'error' | 'warn' | 'info' | 'debug';
  readonly log: string;
}

export interface LogQuery {
  readonly spaceId: string;
  readonly limit: number;
  readonly context?: string;
  readonly logtype?: StoredLog['logtype'];
  /** Text that the line holds; letter case does not matter. */
  readonly filter?: string;
  /** Only lines older than the one with this id. */
  readonly beforeId?: number;
}

export interface TelemetryThreadOptions {
  readonly path: string;
  readonly retentionMs: number;
  readonly maxBytes: number;
}

export type TelemetryRequest =
  | { readonly type: 'append'; readonly logs: readonly StoredLog[] }
  | { readonly type: 'list'; readonly id: number; readonly query: LogQuery }
  | { readonly type: 'remove-space'; readonly id: number; readonly spaceId: string }
  | { readonly type: 'close' };

export type TelemetryReply =
  | { readonly type: 'opened'; readonly lastId: number }
  | { readonly type: 'failed'; readonly error: SerializedError }
  | { readonly type: 'appended' }
  | { readonly type: 'result'; readonly id: number; readonly result: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: SerializedError };
