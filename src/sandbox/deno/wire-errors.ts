import type { WireError } from '../runtime/protocol.ts';

/** An error of a host function as the app gets it: message, code and enumerable properties, never the stack. */
export function toAppError(error: unknown): WireError {
  if (!(error instanceof Error)) return { message: String(error) };
  const {
    name: _name,
    code,
    message: _message,
    stack: _stack,
    cause: _cause,
    ...rest
  } = error as Error & { code?: unknown };
  const properties = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
  };
}

/** Reads an error that a process sent. Hostile: every field may be anything. */
export function parseWireError(value: unknown): WireError {
  if (typeof value !== 'object' || value === null) return { message: 'The app failed without a message' };
  const { message, name, code, stack } = value as Record<string, unknown>;
  return {
    message: typeof message === 'string' ? message : 'The app failed without a message',
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof stack === 'string' ? { stack } : {}),
  };
}
