import type { JsonObject } from '../../core/json.ts';
import type { HostCallGroup } from '../host-functions.ts';
import { numberParam, objectParam, textOrNullParam, textParam } from './params.ts';

export interface PublishedByApp {
  readonly spaceId: string;
  readonly key: string;
  readonly sessionKey: string;
  readonly data: JsonObject;
  readonly dedupeKey?: string;
  readonly hops: number;
}

/** `events.publish` of the SDK. */
export function createEventCalls(publish: (event: PublishedByApp) => Promise<{ readonly id: string }>): HostCallGroup {
  return {
    'events.publish': async (spaceId, params) => {
      const key = textParam(params, 'key');
      const { id } = await publish({
        spaceId,
        key,
        sessionKey: textOrNullParam(params, 'sessionKey') ?? key,
        data: objectParam(params, 'data') as JsonObject,
        dedupeKey: textOrNullParam(params, 'dedupeKey') ?? undefined,
        hops: numberParam(params, 'hops'),
      });
      return { id };
    },
  };
}
