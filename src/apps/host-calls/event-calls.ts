import { TackleError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { HostCallGroup } from '../host-functions.ts';
import { readHops } from './hops.ts';
import { objectParam, textOrNullParam, textParam } from './params.ts';

export interface PublishedByApp {
  readonly spaceId: string;
  readonly key: string;
  readonly sessionKey: string;
  readonly data: JsonObject;
  readonly dedupeKey?: string;
  readonly hops: number;
}

/**
 * What the gateway says about itself and about conversations. Hooks act on these with the rights of the gateway's user, so
 * no app may say them in its place.
 */
const reservedFamilies: ReadonlySet<string> = new Set(['gateway', 'command', 'agent', 'session']);

/** `events.publish` of the SDK. */
export function createEventCalls(publish: (event: PublishedByApp) => Promise<{ readonly id: string }>): HostCallGroup {
  return {
    'events.publish': async (spaceId, params, context) => {
      const key = textParam(params, 'key');
      const family = key.slice(0, key.indexOf(':'));
      if (reservedFamilies.has(family)) {
        throw new TackleError(
          'forbidden',
          `Events of the family "${family}" are the gateway's own; choose another name.`,
        );
      }
      const { id } = await publish({
        spaceId,
        key,
        sessionKey: textOrNullParam(params, 'sessionKey') ?? key,
        data: objectParam(params, 'data') as JsonObject,
        dedupeKey: textOrNullParam(params, 'dedupeKey') ?? undefined,
        hops: readHops(context) + 1,
      });
      return { id };
    },
  };
}
