import { TackleError } from '../../core/errors.ts';
import type { HostCallGroup } from '../host-functions.ts';
import { readHops } from './hops.ts';
import { listParam, textOrNullParam, textParam } from './params.ts';

export interface InternalRequest {
  /** Of the app that asks. */
  readonly spaceId: string;
  /** As in a Host header. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  /** How many apps the request has come through, this one included. */
  readonly hops: number;
}

export interface InternalResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Bodies in either direction, before base64. */
export const maxInternalBodyBytes = 4 * 1024 * 1024;
/** Apps that call each other in circles end here. */
const maxHops = 16;

/** `app.internalFetch`, for the vocabulary of `sandbox/runtime/abi/host-calls.ts`. */
export function createInternalFetchCalls(
  send: (request: InternalRequest, signal: AbortSignal) => Promise<InternalResponse>,
): HostCallGroup {
  return {
    internalFetch: async (spaceId, params, context) => {
      const base64 = textOrNullParam(params, 'base64');
      const body = base64 === null ? null : Buffer.from(base64, 'base64');
      if (body !== null && body.length > maxInternalBodyBytes) {
        throw new TackleError(
          'payload_too_large',
          `internalFetch takes bodies of ${maxInternalBodyBytes} bytes at most`,
        );
      }
      const hops = readHops(context) + 1;
      if (hops > maxHops) {
        throw new TackleError(
          'invalid_request',
          `internalFetch: ${maxHops} calls and events led to this request already; it is a loop`,
        );
      }
      const answer = await send(
        {
          spaceId,
          host: requireText(textParam(params, 'host'), 'host', /^[\w.:[\]-]{1,255}$/),
          path: requireText(textParam(params, 'path'), 'path', /^\/[\x21-\x7e\x80-\xff]*$/),
          method: requireText(textParam(params, 'method'), 'method', /^[A-Z]{1,20}$/),
          headers: listParam(params, 'headers').map(requireHeader),
          body,
          hops,
        },
        context.signal,
      );
      return {
        status: answer.status,
        headers: answer.headers.map(([name, value]) => [name, value]),
        base64: Buffer.from(answer.body).toString('base64'),
      };
    },
  };
}

function requireText(value: string, name: string, pattern: RegExp): string {
  if (pattern.test(value)) return value;
  throw new TackleError(
    'invalid_request',
    `internalFetch: the ${name} ${JSON.stringify(value.slice(0, 80))} is not valid`,
  );
}

function requireHeader(header: unknown): [string, string] {
  if (Array.isArray(header) && header.length === 2) {
    const [name, value] = header as unknown[];
    if (typeof name === 'string' && typeof value === 'string') {
      return [
        requireText(name, 'header', /^[\w!#$%&'*+.^`|~-]{1,256}$/),
        requireText(value, 'header', /^[\t\x20-\x7e\x80-\xff]{0,16384}$/),
      ];
    }
  }
  throw new TackleError('invalid_request', 'internalFetch: a header must be a name and a value');
}
