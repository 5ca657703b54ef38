/** The run-time half of `openclaw/hooks`: what hooks may call, and guards that narrow an event. */
import { createHookEvent, type HookEvent } from '../../core/hook-event.ts';
import { isPlainObject } from '../../core/json.ts';
import { helpersSymbolKey } from './virtual-modules.ts';

export type HookHandler = (event: HookEvent) => unknown;

/** Where registrations and events go; the thread's entry supplies it. */
export interface HelperTarget {
  readonly register: (key: string, handler: HookHandler) => void;
  readonly unregister: (key: string, handler: HookHandler) => void;
  readonly clear: () => void;
  readonly listKeys: () => readonly string[];
  readonly trigger: (event: HookEvent) => Promise<void>;
  /** Registers the hooks below a plugin's directory; rejects where no plugin is being loaded. */
  readonly registerDir: (dir: string) => Promise<unknown>;
}

function hasContext(event: unknown, key: string): event is HookEvent {
  if (!isPlainObject(event) || !isPlainObject(event.context)) return false;
  return `${String(event.type)}:${String(event.action)}` === key;
}

/** Identity functions of the plugin SDK: they only exist to give authors types. */
const identity = <T>(value: T): T => value;

export function createHookHelpers(target: HelperTarget): Record<string, unknown> {
  const createEvent = (type: string, action: string, sessionKey: string, context?: Record<string, unknown>) =>
    createHookEvent(type, action, sessionKey, context, new Date());
  return {
    registerInternalHook: target.register,
    unregisterInternalHook: target.unregister,
    clearInternalHooks: target.clear,
    getRegisteredEventKeys: target.listKeys,
    triggerInternalHook: target.trigger,
    createInternalHookEvent: createEvent,
    registerHook: target.register,
    unregisterHook: target.unregister,
    clearHooks: target.clear,
    getRegisteredHookEventKeys: target.listKeys,
    triggerHook: target.trigger,
    createHookEvent: createEvent,
    isAgentBootstrapEvent: (event: unknown) =>
      hasContext(event, 'agent:bootstrap') && Array.isArray(event.context.bootstrapFiles),
    isGatewayStartupEvent: (event: unknown) => hasContext(event, 'gateway:startup'),
    isMessageReceivedEvent: (event: unknown) =>
      hasContext(event, 'message:received') && typeof event.context.from === 'string',
    isMessageSentEvent: (event: unknown) => hasContext(event, 'message:sent') && typeof event.context.to === 'string',
    isMessageTranscribedEvent: (event: unknown) =>
      hasContext(event, 'message:transcribed') && typeof event.context.transcript === 'string',
    isMessagePreprocessedEvent: (event: unknown) => hasContext(event, 'message:preprocessed'),
    isSessionPatchEvent: (event: unknown) => hasContext(event, 'session:patch') && isPlainObject(event.context.patch),
    registerPluginHooksFromDir: (_api: unknown, dir: string) => target.registerDir(dir),
    definePluginEntry: identity,
    defineChannelPluginEntry: identity,
    emptyPluginConfigSchema: () => ({ type: 'object', additionalProperties: false, properties: {} }),
  };
}

/** A name that exists only as a type in the original: importing it is fine, calling it is a mistake. */
function createUnknownExport(name: string, specifier: string): () => never {
  return () => {
    throw new Error(`"${name}" of "${specifier}" exists only as a type here and cannot be called.`);
  };
}

/** Puts the helpers where the virtual modules find them; returns the names that they export. */
export function publishHookHelpers(helpers: Record<string, unknown>): readonly string[] {
  const createRequireView = (specifier: string) =>
    new Proxy(helpers, {
      get(object, key) {
        if (typeof key !== 'string' || key === 'then' || key === '__esModule') return undefined;
        return key in object ? object[key] : createUnknownExport(key, specifier);
      },
    });
  const published = { ...helpers, createUnknownExport, createRequireView };
  Object.defineProperty(globalThis, Symbol.for(helpersSymbolKey), { value: published, configurable: true });
  return Object.keys(helpers);
}
