/** What the engine and a hook's own thread or process say to each other. All of it survives structured cloning. */

export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
}

export interface HookModuleSpec {
  readonly hookId: string;
  readonly hookName: string;
  readonly handlerPath: string;
  readonly fallbackHandlerPath?: string;
  readonly exportName: string;
  /** Bundled hooks are imported without a query, as the original does. */
  readonly bare: boolean;
  readonly lenientExports: boolean;
}

/** A module that registers its hooks itself by calling an API: a plugin. */
export interface PluginModuleSpec {
  readonly pluginId: string;
  readonly pluginName: string;
  readonly entryPath: string;
  readonly pluginConfig: unknown;
  readonly config: unknown;
}

export type ToHost =
  | { readonly kind: 'load-hook'; readonly spec: HookModuleSpec }
  | { readonly kind: 'load-plugin'; readonly spec: PluginModuleSpec }
  | {
      readonly kind: 'invoke';
      readonly runId: string;
      readonly handlerId: string;
      /** A serialized HookEvent. */
      readonly event: Uint8Array;
      /** The hook's own configuration entry, when `event.config` is wanted. */
      readonly entry?: unknown;
      readonly aliases: boolean;
    }
  | {
      readonly kind: 'call-typed';
      readonly callId: number;
      readonly name: string;
      readonly event: unknown;
      readonly ctx: unknown;
    }
  | { readonly kind: 'host-reply'; readonly callId: number; readonly value?: unknown; readonly error?: WireError }
  | { readonly kind: 'ping'; readonly n: number };

export interface EventChanges {
  /** The whole event as the handler left it, serialized. */
  readonly event: Uint8Array;
  /** Members of the event itself that differ, `context` excluded. */
  readonly eventKeys: readonly string[];
  readonly contextKeys: readonly string[];
  readonly removedContextKeys: readonly string[];
}

export type FromHost =
  | {
      readonly kind: 'loaded';
      readonly ok: boolean;
      readonly error?: WireError;
      readonly lints: readonly { readonly code: string; readonly message: string }[];
    }
  | { readonly kind: 'result'; readonly runId: string; readonly error?: WireError; readonly changes?: EventChanges }
  | { readonly kind: 'log'; readonly runId: string | null; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** An error outside any awaited handler. `fatal`: the thread ends after it. */
  | { readonly kind: 'stray-error'; readonly runId: string | null; readonly error: WireError; readonly fatal: boolean }
  | { readonly kind: 'exiting'; readonly runId: string | null; readonly code: number }
  | {
      readonly kind: 'register';
      readonly handlerId: string;
      readonly keys: readonly string[];
      readonly name?: string;
      readonly description?: string;
    }
  | { readonly kind: 'unregister'; readonly handlerId: string; readonly key: string }
  | { readonly kind: 'typed-handler'; readonly name: string; readonly priority: number }
  | { readonly kind: 'typed-result'; readonly callId: number; readonly value?: unknown; readonly error?: WireError }
  | { readonly kind: 'host-call'; readonly callId: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: 'child'; readonly pid: number; readonly alive: boolean }
  | { readonly kind: 'pong'; readonly n: number };

/** The id of the handler that a hook module exports; handlers registered at run time have other ids. */
export function getModuleHandlerId(hookId: string): string {
  return `module:${hookId}`;
}

const maxStackChars = 8_000;
const maxMessageChars = 4_000;

export function describeError(error: unknown): WireError {
  try {
    return readError(error);
  } catch {
    return { name: 'Error', message: 'a thrown value that cannot be read' };
  }
}

/** Throws when the value does so while it is looked at. */
function readError(error: unknown): WireError {
  if (error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)) {
    const { name, message, stack, code } = error as {
      name?: unknown;
      message?: unknown;
      stack?: unknown;
      code?: unknown;
    };
    return {
      name: typeof name === 'string' ? name : 'Error',
      message: String(message).slice(0, maxMessageChars),
      stack: typeof stack === 'string' ? stack.slice(0, maxStackChars) : undefined,
      code: typeof code === 'string' ? code : undefined,
    };
  }
  return { name: 'Error', message: String(error).slice(0, maxMessageChars) };
}
