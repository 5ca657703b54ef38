import type { EgressPolicy } from './sandbox.ts';

export interface OutboundRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  /** How many redirects are followed, each checked again. */
  readonly maxRedirects: number;
  /** Until the head of the last response; afterwards, the longest pause within the body. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly policy: EgressPolicy;
}

export interface OutboundResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly url: string;
  readonly redirected: boolean;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** HTTP to the outside. The address is resolved, every candidate checked, and the connection made to what was checked. */
export interface OutboundHttp extends AsyncDisposable {
  /** Rejects with `egress_blocked` naming the host and the rule, or with the network's own error. */
  request(request: OutboundRequest): Promise<OutboundResponse>;
}
