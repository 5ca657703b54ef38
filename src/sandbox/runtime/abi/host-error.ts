/**
 * Errors as apps know them: `message` is for people and for `e.message` in a response, `code` is there to look at, and
 * only what belongs into a JSON answer is enumerable (`res.status(400).json(error)` gives `{"schemaError":[…]}`).
 */
export function createAppError(message: string, code: string, enumerable: Record<string, unknown> = {}): Error {
  const error = new Error(message);
  Object.defineProperty(error, 'code', { value: code, configurable: true, writable: true });
  return Object.assign(error, enumerable);
}

/** The text that the live platform gives; apps look for "Not found" in it. */
export function createNotFoundError(): Error {
  return createAppError('5 NOT_FOUND: Not found', 'NOT_FOUND');
}

/** Turns a rejection of a host call into what apps expect. Anything that is no error of ours passes unchanged. */
export function toAppError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, details, schemaError } = error as Error & { code?: unknown; details?: unknown; schemaError?: unknown };
  if (typeof code !== 'string') return error;
  if (code === 'not_found') return createAppError(withNotFound(error.message), 'NOT_FOUND');
  const violations = schemaError ?? (isRecord(details) ? details.schemaError : undefined);
  return createAppError(error.message, code, violations === undefined ? {} : { schemaError: violations });
}

function withNotFound(message: string): string {
  return /not found/i.test(message) ? message : `Not found: ${message}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
