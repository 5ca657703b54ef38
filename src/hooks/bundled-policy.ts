/** Where a bundled hook's own HOOK.md is not the last word: the profile and its entry decide, too. */

import { normalizeList } from '../core/hook-metadata.ts';
import type { HookProfile } from '../core/hook-selection.ts';
import type { DiscoveredHook } from './discovery/discovered-hook.ts';

const currentMemoryEvents = ['command:new', 'command:reset', 'session:auto-reset'];

/** The events that a bundled hook hears under this profile and entry. */
export function adjustBundledEvents(
  hook: DiscoveredHook,
  entry: Readonly<Record<string, unknown>> | undefined,
  profile: HookProfile,
): DiscoveredHook {
  if (hook.rootKind !== 'bundled' || hook.name !== 'session-memory') return hook;
  const wanted = normalizeList(entry?.events).filter((key) => currentMemoryEvents.includes(key));
  const events = wanted.length > 0 ? wanted : profile === 'current' ? currentMemoryEvents : hook.events;
  return { ...hook, events };
}

/** Hooks that the seed does not have stay off there until they are enabled by name. */
export function needsOptIn(hook: DiscoveredHook, profile: HookProfile): boolean {
  return profile === 'seed' && hook.rootKind === 'bundled' && hook.name === 'compaction-notifier';
}
