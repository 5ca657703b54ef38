import type { WireError } from './protocol.ts';

/** Text of an error beyond this tells nobody anything, and might not fit into a frame. */
const longestText = 100_000;

/** What app code threw, as plain data. Never throws itself, whatever it was. */
export function toWireError(error: unknown): WireError {
  try {
    if (error instanceof Error) {
      const code = (error as { code?: unknown }).code;
      return {
        message: cut(error.message),
        name: String(error.name),
        ...(typeof code === 'string' ? { code } : {}),
        ...(error.stack ? { stack: cut(error.stack) } : {}),
      };
    }
    return {
      message: cut(typeof error === 'string' ? error : `A value that is not an Error was thrown: ${describe(error)}`),
    };
  } catch {
    return { message: 'A value was thrown that cannot be shown' };
  }
}

function cut(value: unknown): string {
  return String(value).slice(0, longestText);
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** An error from the gateway, as the Error that the caller in the process sees. */
export function fromWireError(wire: WireError): Error {
  const error = new Error(wire.message);
  if (wire.name && wire.name !== 'Error')
    Object.defineProperty(error, 'name', { value: wire.name, configurable: true });
  if (wire.code !== undefined) (error as Error & { code?: string }).code = wire.code;
  if (wire.properties) Object.assign(error, wire.properties);
  return error;
}
