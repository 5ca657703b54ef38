/**
 * Types for the specifiers that hooks and plugins import; at run time the engine supplies the functions.
 * `hooks new` puts a copy beside the hooks it makes, so that an editor and `tsc` find them without any package.
 */
declare module 'openclaw/hooks' {
  export interface InternalHookEvent {
    type: string;
    action: string;
    /** `agent:<agentId>:<rest>`; may be empty. */
    sessionKey: string;
    timestamp: Date;
    /** Texts for the user; `command:new` and `command:reset` deliver them. */
    messages: string[];
    // biome-ignore lint/suspicious/noExplicitAny: what is in it depends on the event, and hooks read it freely
    context: Record<string, any>;
  }
  export type HookEvent = InternalHookEvent;
  export type OpenClawEvent = InternalHookEvent;
  export type InternalHookHandler = (event: InternalHookEvent) => unknown;
  export type HookHandler = InternalHookHandler;
  export interface SessionEntry {
    sessionId: string;
    sessionFile?: string;
    [member: string]: unknown;
  }
  export interface WorkspaceBootstrapFile {
    name?: string;
    path: string;
    content?: string;
    missing?: boolean;
    [member: string]: unknown;
  }
  export type OpenClawConfig = Record<string, unknown>;

  type EventWith<Context> = InternalHookEvent & { context: Context };
  type CreateEvent = (
    type: string,
    action: string,
    sessionKey: string,
    context?: Record<string, unknown>,
  ) => InternalHookEvent;

  export function registerInternalHook(key: string, handler: InternalHookHandler): void;
  export function unregisterInternalHook(key: string, handler: InternalHookHandler): void;
  export function clearInternalHooks(): void;
  export function getRegisteredEventKeys(): string[];
  export function triggerInternalHook(event: InternalHookEvent): Promise<void>;
  export const createInternalHookEvent: CreateEvent;
  export function registerHook(key: string, handler: InternalHookHandler): void;
  export function unregisterHook(key: string, handler: InternalHookHandler): void;
  export function clearHooks(): void;
  export function getRegisteredHookEventKeys(): string[];
  export function triggerHook(event: InternalHookEvent): Promise<void>;
  export const createHookEvent: CreateEvent;
  export function isAgentBootstrapEvent(
    event: unknown,
  ): event is EventWith<{ workspaceDir: string; bootstrapFiles: WorkspaceBootstrapFile[] }>;
  export function isGatewayStartupEvent(event: unknown): event is InternalHookEvent;
  export function isMessageReceivedEvent(event: unknown): event is EventWith<{ from: string; content: string }>;
  export function isMessageSentEvent(
    event: unknown,
  ): event is EventWith<{ to: string; content: string; success: boolean }>;
  export function isMessageTranscribedEvent(event: unknown): event is EventWith<{ transcript: string }>;
  export function isMessagePreprocessedEvent(event: unknown): event is InternalHookEvent;
  export function isSessionPatchEvent(event: unknown): event is EventWith<{ patch: Record<string, unknown> }>;

  export interface OpenClawPluginApi {
    id: string;
    name: string;
    config: Record<string, unknown>;
    pluginConfig?: Record<string, unknown>;
    logger: Record<'info' | 'warn' | 'error' | 'debug', (...values: unknown[]) => void>;
    registerHook: (
      events: string | string[],
      handler: InternalHookHandler,
      options?: { name?: string; description?: string },
    ) => void;
    // biome-ignore lint/suspicious/noExplicitAny: each typed hook has an event of its own
    on: (name: string, handler: (event: any, ctx: any) => unknown, options?: { priority?: number }) => void;
    resolvePath: (path: string) => string;
    // biome-ignore lint/suspicious/noExplicitAny: further members belong to the product that the plugin was written for
    [member: string]: any;
  }
  export interface OpenClawPluginDefinition {
    id?: string;
    name?: string;
    description?: string;
    configSchema?: unknown;
    register: (api: OpenClawPluginApi) => void | Promise<void>;
  }
  export function definePluginEntry(entry: OpenClawPluginDefinition): OpenClawPluginDefinition;
  /** A relative directory lies beside the plugin's entry. */
  export function registerPluginHooksFromDir(
    api: OpenClawPluginApi,
    dir: string,
  ): Promise<{ loaded: number; skipped: number; errors: string[] }>;
  export function emptyPluginConfigSchema(): Record<string, unknown>;
}

declare module 'openclaw/plugin-sdk' {
  export * from 'openclaw/hooks';
}
declare module 'openclaw' {
  export * from 'openclaw/plugin-sdk';
}
declare module '@openclaw/types' {
  export * from 'openclaw/hooks';
}
declare module 'clawdbot' {
  export * from 'openclaw/plugin-sdk';
}
declare module 'clawdbot/hooks' {
  export * from 'openclaw/hooks';
}
declare module 'clawdbot/plugin-sdk' {
  export * from 'openclaw/plugin-sdk';
}
declare module 'moltbot' {
  export * from 'openclaw/plugin-sdk';
}
declare module 'moltbot/hooks' {
  export * from 'openclaw/hooks';
}
declare module 'moltbot/plugin-sdk' {
  export * from 'openclaw/plugin-sdk';
}
