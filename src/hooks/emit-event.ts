/** From an event to the records of what hooks did with it: who hears it, whether anybody waits, what comes back. */
import { createHookEvent, type HookEvent, isAwaitedEventKey, parseSessionKey } from '../core/hook-event.ts';
import { deliverMessages } from './dispatch/deliver-messages.ts';
import type { Dispatcher, DispatchRequest } from './dispatch/dispatcher.ts';
import type { Listener } from './dispatch/listener.ts';
import { canDeliverMessages } from './dispatch/message-fate.ts';
import { createSuppressedRun } from './dispatch/unrun-records.ts';
import type { EmitOptions, EmitResult, FireOptions, HookEngine } from './engine-types.ts';
import { createEventContext } from './event-fixtures.ts';
import type { HookSet } from './hook-set.ts';
import type { HostAdapter } from './host-adapter.ts';
import type { HookJournal } from './journal/journal.ts';
import type { HookLogger } from './logging/logger.ts';

export interface EmitterTools {
  /** Today's set; throws before the engine was started. */
  readonly getSet: () => HookSet;
  readonly getDispatcher: () => Dispatcher | undefined;
  readonly getJournal: () => HookJournal | undefined;
  readonly createId: () => string;
  readonly now: () => Date;
  readonly host: HostAdapter;
  readonly logger: HookLogger;
}

const eventMembers: ReadonlySet<string> = new Set(['type', 'action', 'sessionKey', 'timestamp', 'messages', 'context']);

/** Events whose text a hook may change when its entry says so. */
const influenceKeys: ReadonlySet<string> = new Set(['message:received', 'message:preprocessed']);

export type Emitter = Pick<HookEngine, 'emit' | 'dispatch' | 'fire'>;

export function createEmitter(tools: EmitterTools): Emitter {
  const { getSet, getDispatcher, getJournal, createId, now, host, logger } = tools;

  function resolveAgentId(event: HookEvent): string | null {
    const { agentId } = event.context;
    if (typeof agentId === 'string' && agentId.trim() !== '') return agentId.trim().toLowerCase();
    const parsed = parseSessionKey(event.sessionKey);
    if (parsed !== null) return parsed.agentId;
    // Events of the gateway concern every agent; others without a known agent belong to the default one.
    return event.type === 'gateway' ? null : (getSet().config.agents[0]?.agentId ?? null);
  }

  const emit: Emitter['emit'] = (type, action, sessionKey, context, options = {}) =>
    dispatch(createHookEvent(type, action, sessionKey, context, options.timestamp ?? now()), options);

  async function dispatch(event: HookEvent, options: EmitOptions = {}): Promise<EmitResult> {
    const agentId = resolveAgentId(event);
    const matched = getSet().registry.match(event.type, event.action, agentId);
    const listeners = options.hook === undefined ? matched : matched.filter((item) => item.hookName === options.hook);
    const id = createId();
    const empty: EmitResult = {
      eventId: id,
      messages: [],
      context: event.context,
      runs: [],
      cancelled: false,
      extra: {},
    };
    const dispatcher = getDispatcher();
    if (listeners.length === 0 || dispatcher === undefined) return empty;
    if (event.type === 'message' && event.sessionKey === '' && options.hook === undefined) {
      recordSuppressed(id, event, listeners);
      return empty;
    }
    const key = `${event.type}:${event.action}`;
    const isMutable = influenceKeys.has(key) && listeners.some((listener) => listener.settings.mutable);
    const mode = options.mode ?? (isAwaitedEventKey(key) || isMutable ? 'await' : 'detach');
    const delivers = canDeliverMessages(key, event.context, options.deliver !== undefined);
    const request: DispatchRequest = {
      id,
      event,
      agentId: agentId ?? '',
      listeners,
      totalDeadlineMs: options.deadlineMs,
      dedupeKey: options.dedupeKey,
      returnsMessages: mode === 'await' && (delivers || isMutable),
    };
    if (mode === 'detach') {
      const { duplicateOf } = await dispatcher.dispatchDetached(request);
      return { ...empty, duplicateOf };
    }
    const { runs, duplicateOf } = await dispatcher.dispatchAwaited(request);
    if (duplicateOf !== undefined) return { ...empty, duplicateOf };
    const settled = delivers
      ? await deliverMessages(event, runs, { deliver: options.deliver, host, journal: getJournal(), logger })
      : runs;
    const extra = Object.fromEntries(Object.entries(event).filter(([name]) => !eventMembers.has(name)));
    const cancelled = getSet().config.settings.cancel && extra.cancel === true;
    return { eventId: id, messages: [...event.messages], context: event.context, runs: settled, cancelled, extra };
  }

  function recordSuppressed(eventId: string, event: HookEvent, listeners: readonly Listener[]): void {
    const reason = 'message events without a session key are not emitted';
    for (const listener of listeners)
      getJournal()?.recordRun(createSuppressedRun({ id: createId(), eventId, event, at: now() }, listener, reason));
  }

  function fire(key: string, options: FireOptions = {}): Promise<EmitResult> {
    const separator = key.indexOf(':');
    const type = separator === -1 ? key : key.slice(0, separator);
    const action = separator === -1 ? '' : key.slice(separator + 1);
    const { config } = getSet();
    const fixture = createEventContext(key, {
      cfg: config.config,
      workspaceDir: config.agents[0]?.workspaceDir ?? '',
    });
    const context = { ...fixture.context, ...options.context };
    const { hook, timestamp } = options;
    return emit(type, action, options.sessionKey ?? fixture.sessionKey, context, { mode: 'await', hook, timestamp });
  }

  return { emit, dispatch, fire };
}
