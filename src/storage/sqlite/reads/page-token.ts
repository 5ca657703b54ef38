import { TackleError } from '../../../core/errors.ts';
import type { SqlParameter } from '../sql-condition.ts';

/**
 * Where a query goes on: behind a document, told by its sort keys and `_id`. It needs nothing that the engine remembers;
 * `spool` names a sorted list that saves sorting again while it lasts, on the reader thread with that number.
 */
export interface PageToken {
  readonly keys: readonly SqlParameter[];
  readonly id: string;
  readonly spool: number | null;
}

const pattern = /^r(\d+)_([A-Za-z0-9_-]+)$/;

export function encodePageToken(token: PageToken, thread: number): string {
  const parts = [token.id, token.spool, ...token.keys.map(encodeKey)];
  return `r${thread}_${Buffer.from(JSON.stringify(parts)).toString('base64url')}`;
}

/** Throws `invalid_query` for what is no token of ours. */
export function decodePageToken(text: string): PageToken {
  try {
    const encoded = pattern.exec(text)![2]!;
    const [id, spool, ...keys] = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as unknown[];
    if (typeof id !== 'string' || (spool !== null && !Number.isSafeInteger(spool))) throw new Error('wrong parts');
    return { id, spool: spool as number | null, keys: keys.map(decodeKey) };
  } catch {
    throw new TackleError('invalid_query', 'The continuation token is not one that this server gave out');
  }
}

/** The reader thread that holds the sorted list of a token, if any. */
export function getTokenThread(text: string): number | null {
  const match = pattern.exec(text);
  return match === null ? null : Number(match[1]);
}

function encodeKey(key: SqlParameter): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'bigint') return `i${key}`;
  if (typeof key === 'number') return `n${key}`;
  return `b${Buffer.from(key).toString('hex')}`;
}

function decodeKey(input: unknown): SqlParameter {
  if (typeof input !== 'string') throw new Error('wrong key');
  const text = input.slice(1);
  switch (input[0]) {
    case 's':
      return text;
    case 'i':
      return BigInt(text);
    case 'n':
      return Number(text);
    case 'b':
      return new Uint8Array(Buffer.from(text, 'hex'));
    default:
      throw new Error('wrong key');
  }
}
