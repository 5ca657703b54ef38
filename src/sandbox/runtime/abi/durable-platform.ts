import type { HostChannel } from '../runtime-types.ts';
import { toAppError } from './host-error.ts';
import { beforeRead, beforeWrite, trackBarrier, trackWrite } from './invocation.ts';

/** What our SDK uses for workflows and transactions; the original library does not know it. */
export function createDurablePlatform(channel: HostChannel): {
  call(method: string, params: object): Promise<unknown>;
} {
  return {
    call(method, params) {
      // A transaction reads what was written before; everything else is one write, and those share commits.
      if (method.startsWith('transaction.')) return trackBarrier(callAfter(beforeRead(), channel, method, params));
      return trackWrite(callAfter(beforeWrite(), channel, method, params));
    },
  };
}

async function callAfter(
  waitFor: Promise<unknown> | null,
  channel: HostChannel,
  method: string,
  params: object,
): Promise<unknown> {
  if (waitFor !== null) await waitFor;
  return channel.call(method, params).catch((error: unknown) => {
    throw toAppError(error);
  });
}
