import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, errorCatalogue, TackleError } from '../../core/errors.ts';
import type { ApiServices } from './services.ts';

/** Answers every failure in the API's one shape: `{error: {code, message, details?, requestId}}`. */
export function createErrorHandler(services: Pick<ApiServices, 'onError'>) {
  return function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const known = toTackleError(error);
    if (known === null || known.status >= 500) {
      services.onError(error, { requestId: request.id, what: `${request.method} ${request.url.split('?')[0]}` });
    }
    const shown =
      known ?? new TackleError('internal', 'Something went wrong; the log of the gateway has it under this request id');
    const retryAfterSeconds = (shown.details as { retryAfterSeconds?: number } | undefined)?.retryAfterSeconds;
    if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
    // The unread rest of a refused upload would be taken for the next request.
    if (!request.raw.complete) reply.header('connection', 'close');
    reply.code(shown.status).type('application/json; charset=utf-8').send(toBody(shown, request.id));
  };
}

function toBody(error: TackleError, requestId: string) {
  const { code, message, details } = error;
  return { error: { code, message, ...(details === undefined ? {} : { details }), requestId } };
}

function toTackleError(error: unknown): TackleError | null {
  if (error instanceof TackleError) return error;
  if (!(error instanceof Error)) return null;
  const { code, validation, statusCode } = error as Partial<FastifyError>;
  if (validation !== undefined) return new TackleError('invalid_request', error.message, { cause: error });
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new TackleError('payload_too_large', 'The body is too large', { cause: error });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new TackleError('invalid_request', 'Send the body with "content-type: application/json"', { cause: error });
  if (code?.startsWith('FST_ERR_CTP') === true)
    return new TackleError('invalid_request', error.message, { cause: error });
  if (isErrorCode(code)) return new TackleError(code, error.message, { cause: error });
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500
    ? new TackleError('invalid_request', error.message, { cause: error })
    : null;
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(errorCatalogue, code);
}
