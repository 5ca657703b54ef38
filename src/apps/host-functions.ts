import { TackleError } from '../core/errors.ts';
import { isPlainObject, type Json } from '../core/json.ts';
import type { HostCallContext, HostFunctions, RawJson } from '../ports/sandbox.ts';
import type { AppVersion } from './deployment.ts';

/** Answers one kind of host call for one space. Parameters come from hostile code: check before use. */
export type HostCallHandler = (
  spaceId: string,
  params: Readonly<Record<string, unknown>>,
  context: HostCallContext,
  app: AppVersion,
) => Promise<Json | RawJson | undefined>;

/** Handlers by method name, `room.verb`. */
export type HostCallGroup = Readonly<Record<string, HostCallHandler>>;

export type HostFunctionsFactory = (app: AppVersion) => HostFunctions;

/** One table of everything that apps can ask of the gateway. A method may be in one group only. */
export function createHostFunctions(groups: readonly HostCallGroup[]): HostFunctionsFactory {
  const handlers = new Map<string, HostCallHandler>();
  for (const group of groups) {
    for (const [method, handler] of Object.entries(group)) {
      if (handlers.has(method)) throw new Error(`The host call ${method} is served twice.`);
      handlers.set(method, handler);
    }
  }
  return (app) => ({
    async call(method, params, context) {
      const handler = handlers.get(method);
      if (handler === undefined) {
        throw new TackleError('invalid_request', `There is no host call "${method}" on this gateway.`);
      }
      if (!isPlainObject(params)) throw new TackleError('invalid_request', `${method}: parameters must be an object.`);
      return handler(app.spaceId, params, context, app);
    },
  });
}
