/**
 * Takes an event through its listeners: one after another on one shared object, each with a deadline, each failure
 * its own. Awaited events run at once; detached ones are stored first and run in order per session.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { serializeError, TackleError } from '../../core/errors.ts';
import type { HookEvent } from '../../core/hook-event.ts';
import { type AttemptOutcome, decideSettlement } from '../../core/task.ts';
import { decodeEvent, encodeEvent } from '../host/event-codec.ts';
import { getListenerId, type JournalEvent, type RunRecord } from '../journal/journal.ts';
import { createHookQueues } from './hook-queues.ts';
import { type Listener, toRetryPolicy } from './listener.ts';
import { createSessionOrder, type Place } from './ordering.ts';
import { createRunRecorder, type RecorderTools } from './record-run.ts';
import { type EventState, type ListenerResult, runListener } from './run-listener.ts';

export interface DispatchRequest {
  readonly id: string;
  readonly event: HookEvent;
  readonly agentId: string;
  readonly listeners: readonly Listener[];
  /** For all listeners together; undefined leaves each its own. */
  readonly totalDeadlineMs?: number;
  readonly dedupeKey?: string;
  /** Texts will be handed to the producer. */
  readonly returnsMessages: boolean;
  /** The event is in the journal already: a replay. */
  readonly isStored?: boolean;
}

export interface DispatchOptions extends RecorderTools {
  readonly aliases: () => boolean;
  readonly awaitedTimeoutMs: number;
  readonly detachedTimeoutMs: number;
  /** Whether an awaited event is on disk before its handlers run; detached ones always are. */
  readonly fsync: 'always' | 'detached' | 'never';
}

export interface AwaitedResult {
  readonly runs: readonly RunRecord[];
  /** The event with the same dedupe key; then nothing ran. */
  readonly duplicateOf?: string;
}

export interface Dispatcher {
  /** Runs all listeners and returns their records. Never rejects. */
  readonly dispatchAwaited: (request: DispatchRequest) => Promise<AwaitedResult>;
  /** Resolves when the event is stored; the handlers run later. Rejects when it cannot be stored. */
  readonly dispatchDetached: (request: DispatchRequest) => Promise<{ readonly duplicateOf?: string }>;
  /** Runs the rest of an event that an earlier process left unfinished. */
  readonly resume: (
    request: DispatchRequest,
    attempts: ReadonlyMap<string, number>,
    settled: ReadonlySet<string>,
  ) => void;
  /** Resolves when no detached event is running or waiting. */
  readonly settle: () => Promise<void>;
  /** Stops starting handlers. */
  readonly close: () => void;
}

interface Seat {
  readonly listener: Listener;
  readonly place: Place;
}

/** How long an awaited event lets earlier events of its session pass before it goes ahead of them. */
const orderPatienceMs = 2_000;
/** Beyond this many stored events that wait in memory, producers wait. */
const maxWaitingEvents = 100_000;

export function createDispatcher(options: DispatchOptions): Dispatcher {
  const { journal, logger, logs } = options;
  const order = createSessionOrder();
  const queues = createHookQueues();
  const { record, skip } = createRunRecorder(options);
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();

  function takeSeats(request: DispatchRequest): Seat[] {
    return request.listeners.map((listener) => ({
      listener,
      place: order.take(listener.hookId, request.event.sessionKey),
    }));
  }

  function toStored(request: DispatchRequest, mode: 'await' | 'detach'): JournalEvent {
    return {
      id: request.id,
      mode,
      event: request.event,
      agentId: request.agentId,
      listeners: request.listeners.map((listener) => getListenerId(listener.hookName, listener.key)),
      dedupeKey: request.dedupeKey,
      createdMs: options.now(),
      open: true,
    };
  }

  async function runOnce(
    request: DispatchRequest,
    state: EventState,
    listener: Listener,
    deadlineMs: number,
    attempt: number,
    mayRetry: boolean,
  ) {
    const runId = options.createId();
    const startedMs = options.now();
    logs.start(runId);
    const result = await runListener(listener, state, { runId, deadlineMs, aliases: options.aliases() });
    const { retry } = listener.settings;
    const policy = toRetryPolicy(retry);
    const nowMs = options.now();
    const settlement = decideSettlement({
      outcome: toAttemptOutcome(result, stopping.signal.aborted),
      failures: attempt - 1,
      crashes: 0,
      policy: mayRetry ? policy : { ...policy, maxRetries: 0 },
      nowMs,
      random: Math.random(),
    });
    // Only who asked for retries has dead letters: other hooks just failed.
    const isDead = settlement.type === 'dead' && retry.maxAttempts > 1;
    const counted = settlement.type === 'release' ? 0 : attempt;
    return {
      run: record(request, listener, { runId, startedMs, result, attempts: counted, isDead }),
      settlement,
      waitMs: settlement.type === 'retry' ? settlement.runAtMs - nowMs : 0,
    };
  }

  async function dispatchAwaited(request: DispatchRequest): Promise<AwaitedResult> {
    const stored = request.isStored
      ? Promise.resolve({ duplicateOf: undefined })
      : journal.appendEvent(toStored(request, 'await'), { durable: options.fsync === 'always' });
    const seats = takeSeats(request);
    // An awaited event is a conversation that waits: a journal that cannot write must not stop it.
    const appended = stored.catch((error: unknown) => {
      logger.error(
        'hooks',
        `The event ${request.id} could not be stored: ${error instanceof Error ? error.message : String(error)}`,
      );
      return { duplicateOf: undefined };
    });
    if (options.fsync === 'always' || request.dedupeKey !== undefined) {
      const { duplicateOf } = await appended;
      if (duplicateOf !== undefined) {
        for (const { place } of seats) place.leave();
        return { runs: [], duplicateOf };
      }
    }
    const state: EventState = { event: request.event, bytes: undefined };
    // Handlers may write over what the event is called; records keep the name under which it came.
    const named = { ...request, event: withoutContext(request.event) };
    const deadlineAt = request.totalDeadlineMs === undefined ? undefined : options.now() + request.totalDeadlineMs;
    const runs: RunRecord[] = [];
    for (const { listener, place } of seats) {
      if (!place.isFirst) await waitForTurn(place);
      const ownMs = listener.settings.timeoutMs ?? options.awaitedTimeoutMs;
      const deadlineMs = deadlineAt === undefined ? ownMs : Math.min(ownMs, deadlineAt - options.now());
      runs.push(
        deadlineMs <= 0
          ? skip(named, listener, 'the time for all handlers of the event was used up')
          : (await runOnce(named, state, listener, deadlineMs, 1, false)).run,
      );
      place.leave();
    }
    journal.finishEvent(request.id);
    return { runs };
  }

  async function waitForTurn(place: Place): Promise<void> {
    const patience = new AbortController();
    await Promise.race([
      place.turn,
      delay(orderPatienceMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined),
    ]);
    patience.abort();
  }

  async function dispatchDetached(request: DispatchRequest): Promise<{ duplicateOf?: string }> {
    if (running.size >= maxWaitingEvents) await Promise.race(running);
    const accepted: Listener[] = [];
    for (const listener of request.listeners) {
      const isFull = queues.isFull(listener);
      if (isFull && listener.settings.overflow === 'drop') {
        skip(request, listener, 'the queue of the hook was full');
        continue;
      }
      if (isFull && listener.settings.overflow === 'block') await queues.waitForRoom(listener);
      accepted.push(listener);
    }
    const spills = accepted.some((listener) => queues.isFull(listener));
    const bytes = encodeEvent(request.event);
    const kept = { ...request, listeners: accepted };
    // Places are taken before the wait for the disk, so that order is the order of the calls.
    const seats = takeSeats(kept);
    for (const { listener } of seats) queues.enter(listener);
    try {
      const stored = await journal.appendEvent(toStored(kept, 'detach'), { durable: options.fsync !== 'never' });
      if (stored.duplicateOf !== undefined) {
        for (const seat of seats) leaveQueue(seat);
        return stored;
      }
    } catch (error) {
      for (const seat of seats) leaveQueue(seat);
      throw error instanceof TackleError
        ? error
        : new TackleError('storage_unavailable', 'The event could not be stored.', { cause: error });
    }
    track(
      runDetached(
        { ...kept, event: withoutContext(request.event) },
        seats,
        spills ? undefined : bytes,
        new Map(),
        new Set(),
      ),
    );
    return {};
  }

  function leaveQueue({ listener, place }: Seat): void {
    place.leave();
    queues.leave(listener);
  }

  function track(work: Promise<void>): void {
    running.add(work);
    void work.finally(() => running.delete(work));
  }

  async function runDetached(
    request: DispatchRequest,
    seats: readonly Seat[],
    bytes: Uint8Array | undefined,
    attempts: ReadonlyMap<string, number>,
    settled: ReadonlySet<string>,
  ): Promise<void> {
    let state: EventState | null | undefined;
    let isComplete = true;
    for (const seat of seats) {
      const listenerId = getListenerId(seat.listener.hookName, seat.listener.key);
      await seat.place.turn;
      if (stopping.signal.aborted) isComplete = false;
      else if (!settled.has(listenerId)) {
        state ??= await loadState(request, bytes);
        const done = state !== null && (await deliver(request, state, seat.listener, attempts.get(listenerId) ?? 0));
        if (!done) isComplete = false;
      }
      leaveQueue(seat);
    }
    if (isComplete) journal.finishEvent(request.id);
  }

  /** A spilled event is read back from the journal when its turn has come; null when that fails. */
  async function loadState(request: DispatchRequest, bytes: Uint8Array | undefined): Promise<EventState | null> {
    if (bytes !== undefined) return { event: decodeEvent(bytes), bytes };
    const stored = await journal.readEvent(request.id).catch(() => null);
    if (stored === null) logger.error('hooks', `The event ${request.id} could not be read back; it stays unfinished.`);
    if (stored === null) return null;
    // The journal does not keep configurations; this one is still at hand.
    if (request.event.context.cfg !== undefined) stored.event.context.cfg = request.event.context.cfg;
    return { event: stored.event, bytes: undefined };
  }

  /** Tries until success or until the tries are used up. False when the engine stopped in between. */
  async function deliver(
    request: DispatchRequest,
    state: EventState,
    listener: Listener,
    triesBefore: number,
  ): Promise<boolean> {
    const { retry } = listener.settings;
    const slots = queues.getSlots(listener);
    const deadlineMs = listener.settings.timeoutMs ?? options.detachedTimeoutMs;
    for (let attempt = triesBefore + 1; attempt <= Math.max(retry.maxAttempts, 1); attempt += 1) {
      if (stopping.signal.aborted) return false;
      await slots.acquire();
      const { settlement, waitMs } = await runOnce(request, state, listener, deadlineMs, attempt, true).finally(() =>
        slots.release(),
      );
      if (settlement.type === 'release') return false;
      if (settlement.type !== 'retry') return true;
      await delay(waitMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
    return true;
  }

  async function settle(): Promise<void> {
    while (running.size > 0) await Promise.all(running);
  }

  return {
    dispatchAwaited,
    dispatchDetached,
    resume: (request, attempts, settled) => {
      const seats = takeSeats(request);
      for (const { listener } of seats) queues.enter(listener);
      track(runDetached(request, seats, encodeEvent(request.event), attempts, settled));
    },
    settle,
    close: () => stopping.abort(),
  };
}

/**
 * In the words of the queue. A hook that takes its thread or process with it has that alone, so that a crash is a failure
 * of its own; a handler that the engine itself ended has not had its try, and the next process gives it one.
 */
function toAttemptOutcome(result: ListenerResult, isStopping: boolean): AttemptOutcome {
  if (result.outcome === 'ok' || result.outcome === 'skipped') return { type: 'done' };
  if (isStopping) return { type: 'released' };
  const error = serializeError(new Error(result.error?.message ?? result.outcome));
  return result.outcome === 'timeout' ? { type: 'expired', error } : { type: 'failed', error, retryable: true };
}

/** Enough of an event to name it in records; the rest waits in serialized form. Configurations are shared anyway. */
function withoutContext(event: HookEvent): HookEvent {
  const { cfg } = event.context;
  return { ...event, messages: [], context: cfg === undefined ? {} : { cfg } };
}
