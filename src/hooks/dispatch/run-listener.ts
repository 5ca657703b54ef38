/** Runs one listener once against the event as it stands, and brings its changes home. */
import { performance } from 'node:perf_hooks';
import type { HookEvent } from '../../core/hook-event.ts';
import { applyChanges, computeChangeBytes, encodeEvent } from '../host/event-codec.ts';
import { describeError, type WireError } from '../host/protocol.ts';
import type { RunOutcome } from '../journal/journal.ts';
import type { Listener } from './listener.ts';
import { skippedErrorName } from './skipped.ts';

/** The event of one dispatch, with its serialized form kept as long as it holds. */
export interface EventState {
  readonly event: HookEvent;
  bytes: Uint8Array | undefined;
}

export interface ListenerResult {
  readonly outcome: Exclude<RunOutcome, 'dead'>;
  readonly error?: WireError;
  readonly reason?: string;
  readonly durationMs: number;
  readonly changeBytes: number;
  /** Texts that this handler added. */
  readonly pushed: readonly string[];
}

export async function runListener(
  listener: Listener,
  state: EventState,
  call: { readonly runId: string; readonly deadlineMs: number; readonly aliases: boolean },
): Promise<ListenerResult> {
  const startedAt = performance.now();
  const before = [...state.event.messages];
  const result =
    listener.place === 'apart'
      ? await runApart(listener, state, call)
      : await runInProcess(listener, state, call.deadlineMs);
  const isSkip = result.error?.name === skippedErrorName;
  const { messages } = state.event;
  const added = messages.length >= before.length && before.every((text, index) => messages[index] === text);
  return {
    outcome: isSkip ? 'skipped' : result.outcome,
    error: isSkip ? undefined : result.error,
    reason: isSkip ? result.error?.message : undefined,
    durationMs: Math.round((performance.now() - startedAt) * 1_000) / 1_000,
    changeBytes: result.changeBytes,
    pushed: added ? messages.slice(before.length) : [...messages],
  };
}

interface RawResult {
  readonly outcome: 'ok' | 'error' | 'timeout' | 'crashed';
  readonly error?: WireError;
  readonly changeBytes: number;
}

async function runApart(
  listener: Extract<Listener, { place: 'apart' }>,
  state: EventState,
  call: { readonly runId: string; readonly deadlineMs: number; readonly aliases: boolean },
): Promise<RawResult> {
  state.bytes ??= encodeEvent(state.event);
  const result = await listener.invoke({
    runId: call.runId,
    handlerId: listener.handlerId,
    event: state.bytes,
    deadlineMs: call.deadlineMs,
    entry: listener.entry,
    aliases: call.aliases,
  });
  if (result.changes !== undefined) {
    applyChanges(state.event, result.changes);
    state.bytes = result.changes.event;
  }
  return { outcome: result.outcome, error: result.error, changeBytes: computeChangeBytes(result.changes) };
}

async function runInProcess(
  listener: Extract<Listener, { place: 'in-process' }>,
  state: EventState,
  deadlineMs: number,
): Promise<RawResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), deadlineMs);
  });
  try {
    const winner = await Promise.race([Promise.resolve(listener.handler(state.event)), late]);
    if (winner !== 'late') return { outcome: 'ok', changeBytes: 0 };
    const message = `the handler did not finish within ${deadlineMs} ms`;
    return { outcome: 'timeout', error: { name: 'HookTimeout', message }, changeBytes: 0 };
  } catch (error) {
    return { outcome: 'error', error: describeError(error), changeBytes: 0 };
  } finally {
    clearTimeout(timer);
    state.bytes = undefined;
  }
}
