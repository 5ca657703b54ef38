import { TackleError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { type AppEvents, parseEventKey } from '../events/publish-event.ts';
import type { PublishedHookEvent } from '../gateway/api/services.ts';
import type { GatewayHooks } from './gateway-hooks.ts';

export interface BusEvent {
  /** `family:action`. */
  readonly key: string;
  readonly sessionKey: string;
  readonly data: JsonObject;
  readonly source: string;
  readonly dedupeKey?: string;
  readonly hops: number;
}

/** Who hears the events of this gateway. */
export interface EventListeners {
  readonly appEvents: AppEvents;
  readonly hooks: GatewayHooks;
}

/** Hands an event to everybody who listens: apps by the queue, then hooks. Rejects when it could not be stored. */
export async function publishToAll(
  { appEvents, hooks }: EventListeners,
  event: BusEvent,
): Promise<PublishedHookEvent & { readonly isHeard: boolean }> {
  const { type, action } = parseEventKey(event.key);
  const { id, subscriptions } = await appEvents.deliver(event);
  const { sessionKey, dedupeKey } = event;
  const context = event.source.startsWith('app/') ? withoutHostFields(event.data) : event.data;
  const result = await hooks.publish({ type, action, sessionKey, context: { ...context }, dedupeKey });
  return {
    eventId: result?.eventId ?? id,
    duplicateOf: result?.duplicateOf ?? null,
    messages: result?.messages ?? [],
    runs: result?.runs.map(({ hook, outcome }) => ({ hook, outcome })) ?? [],
    apps: subscriptions,
    isHeard: subscriptions > 0 || result !== null,
  };
}

/**
 * What hooks take from their host: where its files lie, and its configuration. Hooks run with the rights of the gateway's
 * user, so an app, whose code is not trusted, must not say where they read and write.
 */
const hostFields: readonly string[] = ['cfg', 'deps', 'workspaceDir', 'sessionEntry', 'previousSessionEntry'];

function withoutHostFields(data: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(data).filter(([name]) => !hostFields.includes(name)));
}

/** For callers who want to know that nobody can hear them. */
export function refuseUnheard(published: PublishedHookEvent & { readonly isHeard: boolean }): PublishedHookEvent {
  if (!published.isHeard) {
    throw new TackleError(
      'conflict',
      'Hooks are switched off and no app listens. Switch hooks on with: tackle hooks enable NAME',
    );
  }
  const { isHeard: _, ...answer } = published;
  return answer;
}
