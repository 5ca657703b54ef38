/** Types for hooks that import from `openclaw/hooks`; at run time the engine supplies the functions. */
declare module 'openclaw/hooks' {
  export interface InternalHookEvent {
    type: string;
    action: string;
    sessionKey: string;
    timestamp: Date;
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

  export function registerInternalHook(key: string, handler: InternalHookHandler): void;
  export function unregisterInternalHook(key: string, handler: InternalHookHandler): void;
  export function clearInternalHooks(): void;
  export function getRegisteredEventKeys(): string[];
  export function triggerInternalHook(event: InternalHookEvent): Promise<void>;
  export function createInternalHookEvent(
    type: string,
    action: string,
    sessionKey: string,
    context?: Record<string, unknown>,
  ): InternalHookEvent;
  export function isAgentBootstrapEvent(event: unknown): boolean;
  export function isGatewayStartupEvent(event: unknown): boolean;
  export function isMessageReceivedEvent(event: unknown): boolean;
  export function isMessageSentEvent(event: unknown): boolean;
  export function isMessageTranscribedEvent(event: unknown): boolean;
  export function isMessagePreprocessedEvent(event: unknown): boolean;
  export function isSessionPatchEvent(event: unknown): boolean;
}
