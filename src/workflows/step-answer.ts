import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { isPlainObject } from '../core/json.ts';
import { clampDelayMs } from '../core/task.ts';

/**
 * What the SDK answers for a step. It comes out of the sandbox, so nothing of it is believed before it was checked.
 */
export type StepAnswer =
  | {
      readonly type: 'goto';
      readonly next: string | readonly string[] | null;
      readonly patch: JsonObject;
      readonly delayMs: number;
      readonly join: boolean;
      readonly writes: JsonObject | null;
    }
  | { readonly type: 'wait'; readonly patch: JsonObject; readonly writes: JsonObject | null }
  | { readonly type: 'sleep'; readonly memo: string; readonly untilMs: number }
  | {
      readonly type: 'event';
      readonly memo: string;
      readonly event: string;
      readonly key: string | null;
      readonly timeoutMs: number | null;
    }
  | { readonly type: 'child'; readonly memo: string; readonly workflow: string; readonly input: JsonObject }
  | { readonly type: 'failed'; readonly message: string; readonly retryable: boolean };

const mostParallelSteps = 1_000;

/** Throws `invalid_request` that says what was wrong; the step has failed then. */
export function readStepAnswer(value: Json): StepAnswer {
  if (!isPlainObject(value)) throw invalid('a step must answer with an object');
  const answer = value as JsonObject;
  switch (answer.type) {
    case 'goto':
      return {
        type: 'goto',
        next: readNext(answer.next ?? null),
        patch: readObject(answer.patch, 'patch'),
        delayMs: clampDelayMs(answer.delayMs),
        join: answer.join !== false,
        writes: readWrites(answer.writes),
      };
    case 'wait':
      return { type: 'wait', patch: readObject(answer.patch, 'patch'), writes: readWrites(answer.writes) };
    case 'sleep':
      return { type: 'sleep', memo: readName(answer.memo, 'memo'), untilMs: readTime(answer.untilMs) };
    case 'event':
      return {
        type: 'event',
        memo: readName(answer.memo, 'memo'),
        event: readName(answer.event, 'event'),
        key: answer.key === null || answer.key === undefined ? null : readName(answer.key, 'key'),
        timeoutMs: answer.timeoutMs === null || answer.timeoutMs === undefined ? null : clampDelayMs(answer.timeoutMs),
      };
    case 'child':
      return {
        type: 'child',
        memo: readName(answer.memo, 'memo'),
        workflow: readName(answer.workflow, 'workflow'),
        input: readObject(answer.input, 'input'),
      };
    case 'failed':
      return {
        type: 'failed',
        message: String(answer.message).slice(0, 20_000),
        retryable: answer.retryable !== false,
      };
    default:
      throw invalid(`"${String(answer.type)}" is no answer of a step`);
  }
}

function readNext(next: Json): string | readonly string[] | null {
  if (next === null) return null;
  if (!Array.isArray(next)) return readName(next, 'next step');
  if (next.length === 0) throw invalid('goto with an empty list has nowhere to go; give at least one step');
  if (next.length > mostParallelSteps)
    throw invalid(`goto with ${next.length} steps; at most ${mostParallelSteps} are allowed`);
  return next.map((step) => readName(step, 'next step'));
}

function readName(value: Json | undefined, what: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= 500) return value;
  throw invalid(`the ${what} must be a string of 1 to 500 characters, not ${JSON.stringify(value)?.slice(0, 100)}`);
}

function readObject(value: Json | undefined, what: string): JsonObject {
  if (value === undefined || value === null) return {};
  if (isPlainObject(value)) return value as JsonObject;
  throw invalid(`the ${what} must be an object, not ${JSON.stringify(value).slice(0, 100)}`);
}

/** What the step's transactions write; it is checked where it is turned into commands. */
function readWrites(value: Json | undefined): JsonObject | null {
  return value === undefined || value === null ? null : readObject(value, 'writes');
}

function readTime(value: Json | undefined): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalid('the end of a sleep must be a time in milliseconds');
}

function invalid(reason: string): TackleError {
  return new TackleError('invalid_request', `The step gave an answer that is not valid: ${reason}.`);
}
