/** Turns what a handler did into the record of its run, free of secrets, and hands it to the journal. */
import type { HookJournal, MessageFate, RunRecord } from '../journal/journal.ts';
import { hideControlCharacters } from '../logging/clean-text.ts';
import type { HookLogger } from '../logging/logger.ts';
import type { DispatchRequest } from './dispatcher.ts';
import type { Listener } from './listener.ts';
import { describeMessages, explainDiscard } from './message-fate.ts';
import type { ListenerResult } from './run-listener.ts';
import type { RunLogs } from './run-logs.ts';

export interface RecorderTools {
  readonly journal: HookJournal;
  readonly logger: HookLogger;
  readonly logs: RunLogs;
  readonly createId: () => string;
  readonly now: () => number;
  /** Values that must not appear in a record. */
  readonly redact: (text: string) => string;
}

/** One try of a handler that has ended. */
export interface EndedRun {
  readonly runId: string;
  readonly startedMs: number;
  readonly result: ListenerResult;
  /** Number of this try, from 1; 0 when it does not count. */
  readonly attempts: number;
  readonly isDead: boolean;
}

export interface RunRecorder {
  readonly record: (request: DispatchRequest, listener: Listener, ended: EndedRun) => RunRecord;
  /** Records that a handler was not called. */
  readonly skip: (request: DispatchRequest, listener: Listener, reason: string) => RunRecord;
}

export function createRunRecorder(tools: RecorderTools): RunRecorder {
  const { journal, logger, logs, redact } = tools;

  function record(request: DispatchRequest, listener: Listener, ended: EndedRun): RunRecord {
    const { event } = request;
    const { runId, startedMs, result, attempts, isDead } = ended;
    const key = `${event.type}:${event.action}`;
    const messages: MessageFate[] = request.returnsMessages
      ? describeMessages(result.pushed, 'returned')
      : describeMessages(result.pushed, 'discarded', explainDiscard(key));
    const run: RunRecord = {
      id: runId,
      eventId: request.id,
      key,
      listenerKey: listener.key,
      hook: listener.hookName,
      source: listener.source,
      agentId: request.agentId,
      startedAt: new Date(startedMs).toISOString(),
      durationMs: result.durationMs,
      outcome: isDead ? 'dead' : result.outcome,
      error: result.error && {
        ...result.error,
        message: redact(result.error.message),
        stack: result.error.stack === undefined ? undefined : redact(result.error.stack),
      },
      reason: result.reason,
      logs: redact(logs.finish(runId)),
      messages: messages.map((message) => ({ ...message, text: redact(message.text) })),
      attempts,
      changeBytes: result.changeBytes,
    };
    journal.recordRun(run);
    if (result.error !== undefined)
      logger.error('hooks', `Hook error [${key}]: ${hideControlCharacters(result.error.message)}`);
    return run;
  }

  function skip(request: DispatchRequest, listener: Listener, reason: string): RunRecord {
    const result: ListenerResult = { outcome: 'skipped', reason, durationMs: 0, changeBytes: 0, pushed: [] };
    const ended = { runId: tools.createId(), startedMs: tools.now(), result, attempts: 0, isDead: false };
    return record(request, listener, ended);
  }

  return { record, skip };
}
