/**
 * The event object that hook handlers receive, and the table of keys that producers fire.
 * Shapes come from OpenClaw's internal hooks; `session:start`, `session:end` and `agent:error` are ours.
 */

export type HookEventType = 'command' | 'session' | 'agent' | 'gateway' | 'message';

/** One shared, mutable object per event: what one handler changes, the next one sees. */
export interface HookEvent {
  /** Usually a `HookEventType`; custom producers may use any text. */
  type: string;
  action: string;
  /** `agent:<agentId>:<rest>`; may be empty. */
  sessionKey: string;
  timestamp: Date;
  /** Texts for the user; delivered only for some events. */
  messages: string[];
  context: Record<string, unknown>;
}

export interface KnownHookEvent {
  readonly key: string;
  /** True when the producer waits for the handlers before it goes on. */
  readonly awaited: boolean;
  /** True for events that only this server fires. */
  readonly ours?: boolean;
}

export const knownHookEvents: readonly KnownHookEvent[] = [
  { key: 'command:new', awaited: true },
  { key: 'command:reset', awaited: true },
  { key: 'command:stop', awaited: true },
  { key: 'session:compact:before', awaited: true },
  { key: 'session:compact:after', awaited: true },
  { key: 'session:patch', awaited: false },
  { key: 'session:auto-reset', awaited: false },
  { key: 'session:start', awaited: true, ours: true },
  { key: 'session:end', awaited: true, ours: true },
  { key: 'agent:bootstrap', awaited: true },
  { key: 'agent:error', awaited: false, ours: true },
  { key: 'gateway:startup', awaited: false },
  { key: 'gateway:shutdown', awaited: true },
  { key: 'gateway:pre-restart', awaited: true },
  { key: 'message:received', awaited: false },
  { key: 'message:transcribed', awaited: false },
  { key: 'message:preprocessed', awaited: false },
  { key: 'message:sent', awaited: false },
];

const knownKeys = new Map(knownHookEvents.map((event) => [event.key, event]));
const familyNames: ReadonlySet<string> = new Set(knownHookEvents.map((event) => event.key.split(':')[0] ?? ''));

/** Names of OpenClaw's typed plugin hooks. Directory hooks that list one of them never run. */
const pluginHookNames = new Map<string, string | undefined>([
  ['before_model_resolve', undefined],
  ['before_prompt_build', 'agent:bootstrap'],
  ['before_agent_start', 'agent:bootstrap'],
  ['llm_input', undefined],
  ['llm_output', undefined],
  ['agent_end', undefined],
  ['before_compaction', 'session:compact:before'],
  ['after_compaction', 'session:compact:after'],
  ['before_reset', 'command:reset'],
  ['message_received', 'message:received'],
  ['message_sending', 'message:sent'],
  ['message_sent', 'message:sent'],
  ['before_tool_call', undefined],
  ['after_tool_call', undefined],
  ['tool_result_persist', undefined],
  ['before_message_write', undefined],
  ['session_start', 'session:start'],
  ['session_end', 'session:end'],
  ['subagent_spawning', undefined],
  ['subagent_delivery_target', undefined],
  ['subagent_spawned', undefined],
  ['subagent_ended', undefined],
  ['gateway_start', 'gateway:startup'],
  ['gateway_stop', 'gateway:shutdown'],
]);

export function isFamilyKey(key: string): boolean {
  return familyNames.has(key);
}

/** True for every family and exact key that some producer of ours fires. */
export function isKnownEventKey(key: string): boolean {
  return familyNames.has(key) || knownKeys.has(key);
}

/** Producers wait for these unless they say otherwise. Unknown keys are detached. */
export function isAwaitedEventKey(key: string): boolean {
  return knownKeys.get(key)?.awaited ?? false;
}

/** True when the key is the name of a typed plugin hook, which directory hooks can never hear. */
export function isPluginHookName(key: string): boolean {
  return pluginHookNames.has(key);
}

/** The key that the author most likely meant, or undefined when nothing is near. */
export function findNearestEventKey(key: string): string | undefined {
  const exact = pluginHookNames.get(key);
  if (exact !== undefined) return exact;
  const normalized = key.toLowerCase().replaceAll(/[_.\s-]+/g, ':');
  if (knownKeys.has(normalized)) return normalized;
  let best: { key: string; distance: number } | undefined;
  for (const candidate of knownKeys.keys()) {
    const distance = computeEditDistance(normalized, candidate);
    if (best === undefined || distance < best.distance) best = { key: candidate, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, Math.floor(best.key.length / 3)) ? best.key : undefined;
}

function computeEditDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** An event as producers make it: no messages yet, the caller's own context object. The clock is the caller's. */
export function createHookEvent(
  type: string,
  action: string,
  sessionKey: string,
  context: Record<string, unknown> | undefined,
  timestamp: Date,
): HookEvent {
  return { type, action, sessionKey, timestamp, messages: [], context: context ?? {} };
}

export interface SessionKeyParts {
  readonly agentId: string;
  readonly rest: string;
  readonly isSubagent: boolean;
  readonly isCron: boolean;
}

/** Parses `agent:<agentId>:<rest>` without regard to case; null for anything else. */
export function parseSessionKey(sessionKey: string): SessionKeyParts | null {
  const match = /^agent:([^:]+):(.+)$/.exec(sessionKey.trim().toLowerCase());
  if (match === null) return null;
  const rest = match[2] ?? '';
  return { agentId: match[1] ?? '', rest, isSubagent: rest.startsWith('subagent:'), isCron: rest.startsWith('cron:') };
}
