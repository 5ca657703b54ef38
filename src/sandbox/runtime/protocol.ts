/**
 * The wire between the gateway and a sandbox process, as both ends see it.
 *
 * A frame is `u32 length of the rest, u8 type, u32 id, payload`, little endian. Ids of invocations are even and given by the
 * gateway; ids of calls and of byte streams are given by the process, those of streams odd. The gateway treats every frame
 * as hostile: what it does not expect ends the process.
 *
 * Bytes that do not fit into one frame flow as DATA … END (or ABORT) under the id of their invocation or stream, against
 * CREDIT given by the receiver, at first `initialCredit` bytes.
 */
export const frameHeaderBytes = 9;
/** Largest frame that the gateway accepts, header included. */
export const maxFrameBytes = 8 * 1024 * 1024;
/** Bodies up to here travel inside their REQUEST or RESPONSE frame. */
export const inlineBodyBytes = 256 * 1024;
export const dataChunkBytes = 64 * 1024;
export const initialCredit = 512 * 1024;
/** Calls, and streams, that a process may have open at the same time. */
export const maxOpenCalls = 1024;
export const maxOpenStreams = 256;

export const frameType = {
  // gateway to process
  code: 1,
  load: 2,
  request: 3,
  task: 4,
  cancel: 5,
  result: 6,
  error: 7,
  ping: 8,
  env: 9,
  accept: 10,
  // process to gateway
  ready: 32,
  loaded: 33,
  loadFailed: 34,
  response: 35,
  responseHead: 36,
  taskDone: 37,
  failed: 38,
  call: 39,
  log: 40,
  pong: 41,
  open: 42,
  // both ways
  data: 64,
  end: 65,
  abort: 66,
  credit: 67,
} as const;

/** In REQUEST frames. */
export const bodyKind = { none: 0, inline: 1, stream: 2 } as const;

export const logTypes = ['log', 'error', 'warn', 'info', 'debug'] as const;

/** An error on its way through the channel; own enumerable properties besides these go along as they are. */
export interface WireError {
  readonly message: string;
  readonly name?: string;
  readonly code?: string;
  readonly stack?: string;
  readonly properties?: Record<string, unknown>;
}

/** Payload of LOAD. */
export interface LoadMessage {
  readonly label: string;
  readonly env: Record<string, string>;
  readonly maxWorkers: number;
}

/** Payload of OPEN: what the process wants outside. */
export type OpenMessage =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'fetch';
      readonly method: string;
      readonly url: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly hasBody: boolean;
      /** Length of the body, where it is known. */
      readonly bodyBytes: number | undefined;
      readonly maxRedirects: number;
    };

/** Payload of ACCEPT for a TCP connection. */
export interface TcpAccept {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily: string;
}

/** Payload of ACCEPT for a fetch. */
export interface FetchAccept {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly url: string;
  readonly redirected: boolean;
}

/** The host call by which `dns` asks; answered by the sandbox itself. */
export const dnsMethod = 'egress.dns';
