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

/** Host calls that keep something for the process that makes them. */
export interface ProcessCalls {
  readonly calls: HostCallGroup;
  /** The process has ended. */
  end(): void;
}

export type HostFunctionsFactory = (app: AppVersion) => HostFunctions;

/**
 * One table of everything that apps can ask of the gateway. A method may be in one group only. `perProcess` is called for
 * each process that is started.
 */
export function createHostFunctions(
  groups: readonly HostCallGroup[],
  perProcess: readonly (() => ProcessCalls)[] = [],
): HostFunctionsFactory {
  const shared = new Map<string, HostCallHandler>();
  for (const group of groups) addHandlers(shared, group);
  return (app) => {
    const own = perProcess.map((create) => create());
    const handlers = own.length === 0 ? shared : new Map(shared);
    for (const { calls } of own) addHandlers(handlers, calls);
    return {
      async call(method, params, context) {
        const handler = handlers.get(method);
        if (handler === undefined) {
          throw new TackleError('invalid_request', `There is no host call "${method}" on this gateway.`);
        }
        if (!isPlainObject(params))
          throw new TackleError('invalid_request', `${method}: parameters must be an object.`);
        return handler(app.spaceId, params, context, app);
      },
      end() {
        for (const calls of own) calls.end();
      },
    };
  };
}

function addHandlers(handlers: Map<string, HostCallHandler>, group: HostCallGroup): void {
  for (const [method, handler] of Object.entries(group)) {
    if (handlers.has(method)) throw new Error(`The host call ${method} is served twice.`);
    handlers.set(method, handler);
  }
}
