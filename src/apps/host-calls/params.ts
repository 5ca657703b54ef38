import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';

type Params = Readonly<Record<string, unknown>>;

function wrong(name: string, expected: string): TackleError {
  return new TackleError('invalid_request', `The parameter "${name}" must be ${expected}.`);
}

export function textParam(params: Params, name: string): string {
  const value = params[name];
  if (typeof value !== 'string') throw wrong(name, 'a string');
  return value;
}

export function textOrNullParam(params: Params, name: string): string | null {
  return params[name] === null || params[name] === undefined ? null : textParam(params, name);
}

export function numberParam(params: Params, name: string): number {
  const value = params[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(name, 'a finite number');
  return value;
}

export function numberOrNullParam(params: Params, name: string): number | null {
  return params[name] === null || params[name] === undefined ? null : numberParam(params, name);
}

export function booleanParam(params: Params, name: string): boolean {
  return params[name] === true;
}

/** Absent is an empty object. */
export function objectParam(params: Params, name: string): Record<string, unknown> {
  const value = params[name];
  if (value === undefined || value === null) return {};
  if (!isPlainObject(value)) throw wrong(name, 'an object');
  return value;
}

export function listParam(params: Params, name: string): readonly unknown[] {
  const value = params[name];
  if (!Array.isArray(value)) throw wrong(name, 'an array');
  return value;
}

/** A filter object, or the `_id` of a document. */
export function filterParam(params: Params): string | Record<string, unknown> {
  const value = params.filter;
  return typeof value === 'string' ? value : objectParam(params, 'filter');
}
