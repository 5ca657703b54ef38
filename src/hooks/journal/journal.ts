/**
 * What the engine remembers: every event that somebody listens to, every run of a handler, and which events are not
 * finished. The interface is all that the engine knows, so that another store can take its place.
 */
import type { HookEvent } from '../../core/hook-event.ts';
import type { WireError } from '../host/protocol.ts';

export type RunOutcome = 'ok' | 'error' | 'timeout' | 'crashed' | 'skipped' | 'dead';
export type EventMode = 'await' | 'detach';

export interface MessageFate {
  readonly text: string;
  /** `returned`: handed to the producer, which decides. */
  readonly fate: 'delivered' | 'discarded' | 'returned';
  readonly reason?: string;
}

/** One try of one handler at one event. */
export interface RunRecord {
  readonly id: string;
  readonly eventId: string;
  /** The event's `type:action`. */
  readonly key: string;
  /** The key under which the handler is registered: the family or the exact key. */
  readonly listenerKey: string;
  readonly hook: string;
  readonly source: string;
  readonly agentId?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: RunOutcome;
  readonly error?: WireError;
  /** Why it was skipped, or another note for the reader. */
  readonly reason?: string;
  readonly logs: string;
  readonly messages: readonly MessageFate[];
  /** Number of this try, from 1. */
  readonly attempts: number;
  /** Bytes of the changed event that came back; 0 when the handler changed nothing. */
  readonly changeBytes: number;
}

export interface JournalEvent {
  readonly id: string;
  readonly mode: EventMode;
  readonly event: HookEvent;
  readonly agentId: string;
  /** Listeners in order, as `hook@listenerKey`; who heard of it later does not get it on recovery. */
  readonly listeners: readonly string[];
  readonly dedupeKey?: string;
  readonly createdMs: number;
  /** False for events that were recorded only to say why nobody got them. */
  readonly open: boolean;
}

/** An event that was stored but not finished, with what is known of its runs. */
export interface OpenEvent {
  readonly stored: JournalEvent;
  /** `hook@listenerKey` to the number of tries so far. */
  readonly attempts: ReadonlyMap<string, number>;
  /** Listeners that need not run again: they succeeded, or were given up. */
  readonly settled: ReadonlySet<string>;
}

export interface RunFilter {
  readonly hook?: string;
  readonly eventId?: string;
  /** Event key or family. */
  readonly event?: string;
  readonly outcomes?: readonly RunOutcome[];
  /** Newest first; default 50. */
  readonly limit?: number;
}

export interface HookJournal {
  /** Resolves when the event is stored; with `durable`, when the disk has it. */
  readonly appendEvent: (
    event: JournalEvent,
    options: { readonly durable: boolean },
  ) => Promise<{ readonly duplicateOf?: string }>;
  /** Kept in order with everything else; stored soon. */
  readonly recordRun: (run: RunRecord) => void;
  /** Adds output that came after the run had ended. */
  readonly appendRunLog: (runId: string, text: string) => void;
  readonly updateRunMessages: (runId: string, messages: readonly MessageFate[]) => void;
  readonly finishEvent: (eventId: string) => void;
  readonly readEvent: (eventId: string) => Promise<JournalEvent | null>;
  readonly listOpenEvents: () => Promise<readonly OpenEvent[]>;
  readonly listRuns: (filter: RunFilter) => Promise<readonly RunRecord[]>;
  /** Hook name to the time of its latest run, in milliseconds. */
  readonly readLastFired: () => Promise<ReadonlyMap<string, number>>;
  /** Forgets finished events and their runs; returns how many events went. */
  readonly purge: (beforeMs: number) => Promise<number>;
  /** Resolves when everything recorded so far is stored. */
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export function getListenerId(hook: string, listenerKey: string): string {
  return `${hook}@${listenerKey}`;
}
