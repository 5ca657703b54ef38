/** The API that a plugin's entry is called with; a small part of the original's, the part that concerns hooks. */
import os from 'node:os';
import path from 'node:path';
import type { HookHandler } from './hook-helpers.ts';
import type { FromHost, PluginModuleSpec } from './protocol.ts';

export type TypedHandler = (event: unknown, ctx: unknown) => unknown;

interface TypedRegistration {
  readonly handler: TypedHandler;
  readonly priority: number;
}

export interface PluginHost {
  readonly registerEvents: (
    keys: readonly string[],
    handler: HookHandler,
    options: { readonly name?: string; readonly description?: string },
  ) => void;
  readonly post: (message: FromHost) => void;
}

interface RegisterHookOptions {
  readonly name?: string;
  readonly description?: string;
  readonly entry?: { readonly hook?: { readonly name?: string; readonly description?: string } };
}

export interface TypedHooks {
  readonly call: (name: string, event: unknown, ctx: unknown) => Promise<unknown>;
}

/** Builds the API object and the table of typed handlers behind it. */
export function createPluginApi(
  spec: PluginModuleSpec,
  host: PluginHost,
): { api: Record<string, unknown>; typed: TypedHooks } {
  const typed = new Map<string, TypedRegistration[]>();
  const on = (name: string, handler: TypedHandler, options: { readonly priority?: number } = {}): void => {
    if (typeof handler !== 'function') throw new TypeError(`The handler for "${name}" is not a function.`);
    const priority = options.priority ?? 0;
    const list = typed.get(name) ?? [];
    list.push({ handler, priority });
    list.sort((a, b) => b.priority - a.priority);
    typed.set(name, list);
    host.post({ kind: 'typed-handler', name, priority });
  };
  const registerHook = (
    events: string | readonly string[],
    handler: HookHandler,
    options: RegisterHookOptions = {},
  ): void => {
    if (typeof handler !== 'function') {
      // One registration that was written wrongly must not take the rest of the plugin away.
      console.error(`[hooks] plugin ${spec.pluginId}: the handler for ${String(events)} is not a function.`);
      return;
    }
    const keys = typeof events === 'string' ? [events] : [...events];
    const entry = options.entry?.hook;
    host.registerEvents(keys, handler, {
      name: options.name ?? entry?.name,
      description: options.description ?? entry?.description,
    });
  };
  const logger = { info: console.log, warn: console.warn, error: console.error, debug: console.debug };
  const known: Record<string, unknown> = {
    id: spec.pluginId,
    name: spec.pluginName,
    source: spec.entryPath,
    rootDir: path.dirname(spec.entryPath),
    registrationMode: 'full',
    config: spec.config,
    pluginConfig: spec.pluginConfig,
    logger,
    // Plugins look into it while they register; what the server does not have is absent, as in older originals.
    runtime: {
      config: { loadConfig: () => spec.config, current: () => spec.config },
      logging: { getChildLogger: () => logger, shouldLogVerbose: () => false },
      state: { resolveStateDir: () => process.env.OPENCLAW_STATE_DIR },
    },
    resolvePath: (text: string) =>
      path.resolve(text === '~' || text.startsWith('~/') ? os.homedir() + text.slice(1) : text),
    on,
    registerHook,
  };
  // A plugin may register tools, channels and more; what has no meaning for hooks is accepted and does nothing.
  const api = new Proxy(known, {
    get: (target, key) => {
      if (typeof key !== 'string' || key in target || key === 'then') return target[key as string];
      return /^register[A-Z]/.test(key) ? () => undefined : undefined;
    },
  });
  return {
    api,
    typed: { call: (name, event, ctx) => callTyped(typed.get(name) ?? [], spec.pluginId, name, event, ctx) },
  };
}

async function callTyped(
  handlers: readonly TypedRegistration[],
  pluginId: string,
  name: string,
  event: unknown,
  ctx: unknown,
): Promise<unknown> {
  if (name === 'tool_result_persist') return persistToolResult(handlers, pluginId, event as { message?: unknown }, ctx);
  const results = await Promise.allSettled(handlers.map(async ({ handler }) => handler(event, ctx)));
  for (const result of results) {
    if (result.status === 'rejected')
      console.error(`[hooks] ${name} handler of plugin ${pluginId} failed: ${String(result.reason)}`);
  }
  return undefined;
}

/** Synchronous by contract: each handler gets the latest message; promises and errors leave it as it is. */
function persistToolResult(
  handlers: readonly TypedRegistration[],
  pluginId: string,
  event: { message?: unknown },
  ctx: unknown,
): unknown {
  let message = event.message;
  for (const { handler } of handlers) {
    try {
      const result = handler({ ...event, message }, ctx);
      if (result instanceof Promise) {
        result.catch(() => undefined);
        console.warn(
          `[hooks] tool_result_persist handler of plugin ${pluginId} returned a Promise; the result was ignored.`,
        );
        continue;
      }
      const replaced = (result as { message?: unknown } | undefined)?.message;
      if (replaced !== undefined) message = replaced;
    } catch (error) {
      console.error(`[hooks] tool_result_persist handler of plugin ${pluginId} failed: ${String(error)}`);
    }
  }
  return message;
}
