import { createDocumentCalls } from '../apps/host-calls/document-calls.ts';
import { createEventCalls } from '../apps/host-calls/event-calls.ts';
import { createFileCalls } from '../apps/host-calls/file-calls.ts';
import { createInternalFetchCalls } from '../apps/host-calls/internal-fetch.ts';
import { createKeyValueCalls } from '../apps/host-calls/keyvalue-calls.ts';
import { createPlatformFileCalls } from '../apps/host-calls/platform-files.ts';
import { createWatchCalls } from '../apps/host-calls/watch-calls.ts';
import { createHostFunctions, type HostFunctionsFactory } from '../apps/host-functions.ts';
import type { InternalRequests } from '../gateway/internal-requests.ts';
import { createFence } from '../queues/fence.ts';
import type { Durable } from '../workflows/durable.ts';
import { type EventListeners, publishToAll } from './event-bus.ts';
import { createInvocationOrders } from './invocation-orders.ts';
import type { Engines } from './open-engines.ts';
import type { SpaceRooms } from './open-space-rooms.ts';

export interface AppHostFunctionsOptions {
  readonly rooms: SpaceRooms;
  readonly database: Engines['database'];
  readonly durable: Durable;
  readonly listeners: EventListeners;
  readonly sendInternal: InternalRequests['send'];
}

/** Everything that app code can ask of this gateway. */
export function createAppHostFunctions(options: AppHostFunctionsOptions): HostFunctionsFactory {
  const { documents, keyValue, fileRooms, projects } = options.rooms;
  const orderOf = createInvocationOrders();
  return createHostFunctions(
    [
      createDocumentCalls((spaceId, call) =>
        documents.forSpace(spaceId, { guards: createFence(call), order: orderOf(call) }),
      ),
      createKeyValueCalls((spaceId, call) =>
        keyValue.forSpace(spaceId, { guards: createFence(call), order: orderOf(call) }),
      ),
      createFileCalls({ ...fileRooms, guardsOf: createFence, clock: Date }),
      createInternalFetchCalls(options.sendInternal),
      createPlatformFileCalls(),
      options.durable.hostCalls,
      createEventCalls(async ({ spaceId, ...event }) => {
        const space = projects.getSpace(spaceId);
        const source = `app/${space?.projectId ?? ''}/${space?.name ?? ''}`;
        return { id: (await publishToAll(options.listeners, { ...event, source })).eventId };
      }),
    ],
    [createWatchCalls(options.database)],
  );
}
