import { isPlainObject } from '../../core/json.ts';
import type { HostCallContext } from '../../ports/sandbox.ts';

/**
 * How many calls between apps and events led to this invocation. The gateway put it there when it handed the request or the
 * event to the app; app code has no say in it.
 */
export function readHops({ invocation }: HostCallContext): number {
  const context = invocation?.context;
  return isPlainObject(context) && typeof context.hops === 'number' ? context.hops : 0;
}
