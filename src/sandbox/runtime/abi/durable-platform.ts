import type { HostChannel } from '../runtime-types.ts';
import { toAppError } from './host-error.ts';
import { beforeRead, trackBarrier } from './invocation.ts';

/** What our SDK uses for workflows and transactions; the original library does not know it. */
export function createDurablePlatform(channel: HostChannel): {
  call(method: string, params: object): Promise<unknown>;
} {
  return {
    call(method, params) {
      return trackBarrier(callInOrder(channel, method, params));
    },
  };
}

/** Behind the writes that the same invocation issued before. */
async function callInOrder(channel: HostChannel, method: string, params: object): Promise<unknown> {
  const waitFor = beforeRead();
  if (waitFor !== null) await waitFor;
  return channel.call(method, params).catch((error: unknown) => {
    throw toAppError(error);
  });
}
