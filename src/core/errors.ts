/**
 * The one catalogue of error codes. A code never changes its meaning; the gateway reads `status`, workers read
 * `retryable`, and nobody else maps errors.
 */
export const errorCatalogue = {
  invalid_request: { status: 400, retryable: false, title: 'The request is not valid' },
  invalid_json: { status: 400, retryable: false, title: 'The body is not valid JSON' },
  invalid_query: { status: 400, retryable: false, title: 'The query is not valid' },
  invalid_update: { status: 400, retryable: false, title: 'The update is not valid' },
  invalid_name: { status: 400, retryable: false, title: 'The name is not allowed' },
  invalid_config: { status: 400, retryable: false, title: 'The configuration is not valid' },
  schema_violation: { status: 400, retryable: false, title: 'The document does not satisfy the schema' },
  duplicate_id: { status: 409, retryable: false, title: 'A document with this _id exists' },
  build_failed: { status: 400, retryable: false, title: 'The app could not be built' },
  deploy_failed: { status: 400, retryable: false, title: 'The app could not be deployed' },
  unauthenticated: { status: 401, retryable: false, title: 'Credentials are missing or not valid' },
  forbidden: { status: 403, retryable: false, title: 'Not allowed' },
  egress_blocked: { status: 403, retryable: false, title: 'The outgoing connection is not allowed' },
  not_found: { status: 404, retryable: false, title: 'Not found' },
  conflict: { status: 409, retryable: true, title: 'The state changed meanwhile' },
  lease_lost: { status: 409, retryable: false, title: 'The lease of this attempt is gone' },
  payload_too_large: { status: 413, retryable: false, title: 'The body is too large' },
  misdirected: { status: 421, retryable: false, title: 'This host is not served here' },
  quota_exceeded: { status: 429, retryable: true, title: 'A quota is used up' },
  throttled: { status: 429, retryable: true, title: 'Too many requests' },
  internal: { status: 500, retryable: true, title: 'Internal error' },
  app_crashed: { status: 503, retryable: true, title: 'The app process ended' },
  app_unresponsive: { status: 503, retryable: true, title: 'The app process does not answer' },
  overloaded: { status: 503, retryable: true, title: 'Too much work is waiting' },
  storage_unavailable: { status: 503, retryable: true, title: 'The storage cannot write' },
  disk_full: { status: 507, retryable: true, title: 'The disk is full' },
  storage_corrupt: { status: 500, retryable: false, title: 'The storage is damaged' },
  secret_key_mismatch: { status: 500, retryable: false, title: 'The secret key is not the right one' },
  home_locked: { status: 500, retryable: false, title: 'Another gateway uses this home' },
  app_timeout: { status: 504, retryable: true, title: 'The app did not answer in time' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface TackleErrorOptions {
  /** Machine-readable facts about this occurrence; sent to clients of our own API. */
  readonly details?: unknown;
  readonly cause?: unknown;
}

/** An error with a stable code. The message says what was wrong, where, and what to do. */
export class TackleError extends Error {
  readonly code: ErrorCode;
  readonly details: unknown;

  constructor(code: ErrorCode, message: string, options: TackleErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TackleError';
    this.code = code;
    this.details = options.details;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}

/** A TackleError as plain data, to cross a thread or process boundary. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: unknown;
}

export function serializeError(error: unknown): SerializedError {
  if (error instanceof TackleError) return { code: error.code, message: error.message, details: error.details };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

export function deserializeError(error: SerializedError): TackleError {
  return new TackleError(error.code, error.message, { details: error.details });
}
