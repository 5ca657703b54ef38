import type { HostChannel } from '../runtime-types.ts';
import type { HostCall, HostCallParams, HostCallResult } from './host-calls.ts';
import { toAppError } from './host-error.ts';
import { beforeRead, beforeWrite, trackBarrier, trackWrite } from './invocation.ts';

/** Typed host calls in the four ways that differ in what they wait for. */
export interface Host {
  /** Waits for the writes that this invocation issued before. */
  read<Method extends HostCall>(method: Method, params: HostCallParams<Method>): Promise<HostCallResult<Method>>;
  /** The same, answering the JSON text unparsed. */
  readText<Method extends HostCall>(method: Method, params: HostCallParams<Method>): Promise<string>;
  /** Sent at once, so that writes issued together share a commit; the gateway keeps their order. */
  write<Method extends HostCall>(method: Method, params: HostCallParams<Method>): Promise<HostCallResult<Method>>;
  /** For what reads before it writes: waits for earlier writes, and later writes wait for it. */
  readThenWrite<Method extends HostCall>(
    method: Method,
    params: HostCallParams<Method>,
  ): Promise<HostCallResult<Method>>;
}

export function createHost(channel: HostChannel): Host {
  // The channel's results are typed by the shared vocabulary; the gateway is the trusted side.
  const call = <Method extends HostCall>(method: Method, params: HostCallParams<Method>) =>
    channel.call(method, params).catch(rethrow) as Promise<HostCallResult<Method>>;
  const callAfter = async <Method extends HostCall>(
    waitFor: Promise<unknown> | null,
    method: Method,
    params: HostCallParams<Method>,
  ): Promise<HostCallResult<Method>> => {
    if (waitFor === null) return call(method, params);
    // The caller may change its objects while we wait: what counts is what it passed.
    const snapshot = JSON.parse(JSON.stringify(params)) as HostCallParams<Method>;
    await waitFor;
    return call(method, snapshot);
  };
  return {
    read: (method, params) => callAfter(beforeRead(), method, params),
    readText: async (method, params) => {
      const waitFor = beforeRead();
      if (waitFor !== null) await waitFor;
      return channel.callText(method, params).catch(rethrow);
    },
    write: (method, params) => trackWrite(callAfter(beforeWrite(), method, params)),
    readThenWrite: (method, params) => trackBarrier(callAfter(beforeRead(), method, params)),
  };
}

function rethrow(error: unknown): never {
  throw toAppError(error);
}
