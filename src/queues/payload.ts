import { TackleError } from '../core/errors.ts';

/** Larger values belong into a document or a file whose id is the payload; every claim would carry them. */
export const maxPayloadBytes = 4 * 1024 * 1024;

/** A payload as JSON text. Throws `invalid_request` for what JSON cannot hold, `payload_too_large` over 4 MiB. */
export function encodePayload(payload: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(payload === undefined ? null : payload);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TackleError('invalid_request', `${what} is not a JSON value: ${reason}`);
  }
  if (text === undefined)
    throw new TackleError('invalid_request', `${what} is not a JSON value: it is a ${typeof payload}.`);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxPayloadBytes) return text;
  throw new TackleError(
    'payload_too_large',
    `${what} has ${bytes} bytes; at most ${maxPayloadBytes} are allowed. Store it as a document or file and pass its id.`,
    { details: { bytes, maxPayloadBytes } },
  );
}
