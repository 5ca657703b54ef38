import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';

/** Rewrites positions in a text to those of the source. */
type MapStack = (text: string, sourceMap: string | null) => string;

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function evaluationFailed(error: unknown, sourceMap: string | null, mapStack: MapStack): TackleError {
  if (error instanceof TackleError && error.code !== 'deploy_failed') return error;
  return deployFailed(messageOf(error), error, sourceMap, mapStack);
}

/** `details.stack` names places of the source. */
export function deployFailed(
  message: string,
  cause: unknown,
  sourceMap: string | null,
  mapStack: MapStack,
): TackleError {
  return new TackleError('deploy_failed', message, {
    cause,
    details: { stack: mappedStack(cause, sourceMap, mapStack) },
  });
}

/** A refusal may name a position in the bundle; its reader knows the source. */
export function withSourcePosition(error: unknown, sourceMap: string | null, mapStack: MapStack): unknown {
  if (!(error instanceof TackleError) || sourceMap === null) return error;
  const message = mapStack(error.message, sourceMap);
  return message === error.message ? error : new TackleError(error.code, message, { cause: error });
}

/** What followed the switch failed; the switch itself is stored. `liveVersion` null: nothing is live now. */
export function notFollowed(liveVersion: number | null, failures: readonly unknown[]): TackleError {
  const reasons = failures.map(messageOf).join('; ');
  const state = liveVersion === null ? 'The app is out of service' : `Version ${liveVersion} is live`;
  const code = failures[0] instanceof TackleError ? failures[0].code : 'internal';
  return new TackleError(
    code,
    `${state}, but its workers and schedules may be those of before: ${reasons}. Try again.`,
    { cause: failures[0] },
  );
}

function mappedStack(error: unknown, sourceMap: string | null, mapStack: MapStack): Json {
  // Without a stack of the app's in its details, an error of ours has none that its author could use.
  const details = error instanceof TackleError ? (error.details as JsonObject | undefined) : undefined;
  const stack = error instanceof Error && !(error instanceof TackleError) ? error.stack : details?.stack;
  return typeof stack === 'string' ? mapStack(stack, sourceMap) : null;
}
