import type { Socket } from 'node:net';
import type { EgressPolicy } from './sandbox.ts';

export interface OutboundRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  /** Length of a body that is a stream, where it is known. */
  readonly bodyBytes?: number;
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

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface ConnectTcpOptions {
  readonly host: string;
  readonly port: number;
  readonly policy: EgressPolicy;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Connections to the outside. */
export interface Dialer {
  /**
   * Connects to what was checked: the name is resolved once, every address of it must be allowed, and the socket goes to
   * one of them. Rejects with `egress_blocked`, naming host and rule, or with the network's own error.
   */
  connect(options: ConnectTcpOptions): Promise<Socket>;
  /** The addresses of a name, when all of them are allowed for that port. */
  resolve(host: string, port: number, policy: EgressPolicy): Promise<readonly ResolvedAddress[]>;
}
