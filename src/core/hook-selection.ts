/** Which of several hooks of one name wins, and which hooks the configuration selects at all. Pure. */
import { isPlainObject } from './json.ts';

export type HookProfile = 'seed' | 'current';
export type HookSource = 'openclaw-bundled' | 'openclaw-plugin' | 'openclaw-managed' | 'openclaw-workspace';
/** Where a hook was found. `extra` is a directory of `load.extraDirs`. */
export type HookRootKind = 'extra' | 'bundled' | 'plugin' | 'managed' | 'workspace';

export interface SelectableHook {
  readonly name: string;
  readonly rootKind: HookRootKind;
  readonly hookKey: string;
}

export interface ShadowedHook<H> {
  readonly hook: H;
  readonly shadowedBy: H;
}

export interface PrecedenceResult<H> {
  /** Winners, in the order in which they register. */
  readonly hooks: readonly H[];
  readonly shadowed: readonly ShadowedHook<H>[];
}

/** Seed order: later replaces earlier. */
const seedOrder: Readonly<Record<HookRootKind, number>> = { plugin: 0, extra: 1, bundled: 2, managed: 3, workspace: 4 };
/** Current order; extra directories belong to the managed class and lose against it. */
const currentOrder: Readonly<Record<HookRootKind, number>> = {
  bundled: 10,
  plugin: 20,
  extra: 30,
  managed: 31,
  workspace: 40,
};

function mayReplace(profile: HookProfile, later: HookRootKind, earlier: HookRootKind): boolean {
  if (profile === 'seed') return true;
  if (later === 'workspace') return earlier === 'workspace';
  if (later === 'plugin') return earlier === 'plugin' || earlier === 'bundled';
  if (later === 'bundled') return earlier === 'bundled';
  return earlier !== 'workspace';
}

/**
 * Merges the hooks of one agent's view by name. `hooks` is in discovery order. A name keeps the place of its first
 * appearance; the code is the winner's.
 */
export function resolvePrecedence<H extends SelectableHook>(
  hooks: readonly H[],
  profile: HookProfile,
): PrecedenceResult<H> {
  const order = profile === 'seed' ? seedOrder : currentOrder;
  const sorted = hooks.map((hook, index) => ({ hook, index }));
  sorted.sort((a, b) => order[a.hook.rootKind] - order[b.hook.rootKind] || a.index - b.index);
  const winners = new Map<string, H>();
  const losers: { hook: H; name: string }[] = [];
  for (const { hook } of sorted) {
    const earlier = winners.get(hook.name);
    if (earlier === undefined || mayReplace(profile, hook.rootKind, earlier.rootKind)) {
      winners.set(hook.name, hook);
      if (earlier !== undefined) losers.push({ hook: earlier, name: hook.name });
    } else {
      losers.push({ hook, name: hook.name });
    }
  }
  const shadowed = losers.map(({ hook, name }) => ({ hook, shadowedBy: winners.get(name) as H }));
  return { hooks: [...winners.values()], shadowed };
}

export interface HookSelection {
  readonly active: boolean;
  /** Names or keys that may load; null means no restriction. */
  readonly only: ReadonlySet<string> | null;
}

interface InternalConfig {
  readonly enabled: unknown;
  readonly entries: Readonly<Record<string, unknown>>;
  readonly extraDirs: readonly unknown[];
  readonly installs: Readonly<Record<string, unknown>>;
}

function readInternal(config: unknown): InternalConfig {
  const hooks = isPlainObject(config) && isPlainObject(config.hooks) ? config.hooks : {};
  const internal = isPlainObject(hooks.internal) ? hooks.internal : {};
  const load = isPlainObject(internal.load) ? internal.load : {};
  return {
    enabled: internal.enabled,
    entries: isPlainObject(internal.entries) ? internal.entries : {},
    extraDirs: Array.isArray(load.extraDirs) ? load.extraDirs : [],
    installs: isPlainObject(internal.installs) ? internal.installs : {},
  };
}

/**
 * Seed: the master switch must be on, then everything eligible loads. Current: declared names and installed packs are
 * an allow-list unless extra directories, a bare master switch or an old install record lift it.
 */
export function computeSelection(config: unknown, profile: HookProfile): HookSelection {
  const { enabled, entries, extraDirs, installs } = readInternal(config);
  if (profile === 'seed') return { active: Boolean(enabled), only: null };
  if (enabled === false) return { active: false, only: null };
  const declared = Object.entries(entries).filter(([, entry]) => !(isPlainObject(entry) && entry.enabled === false));
  const records = Object.values(installs).filter(isPlainObject);
  const active = enabled === true || declared.length > 0 || extraDirs.length > 0 || records.length > 0;
  const recordNames = records.flatMap((record) => (Array.isArray(record.hooks) ? record.hooks.map(String) : []));
  const openRecord = records.some((record) => !Array.isArray(record.hooks) || record.hooks.length === 0);
  const names = new Set([...declared.map(([name]) => name), ...recordNames]);
  const unrestricted = extraDirs.length > 0 || openRecord || (enabled === true && names.size === 0);
  return { active, only: unrestricted ? null : names };
}

/** Why a hook's own entry, or the lack of one, keeps it off; undefined when it is on. */
export function explainPolicy(
  hook: SelectableHook,
  entry: Readonly<Record<string, unknown>> | undefined,
  profile: HookProfile,
): string | undefined {
  if (hook.rootKind !== 'plugin' && entry?.enabled === false) return 'disabled in config';
  const isOptIn = profile === 'current' && hook.rootKind === 'workspace';
  return isOptIn && entry?.enabled !== true ? 'workspace hook (disabled by default)' : undefined;
}

/** Why the master switch or the allow-list keeps a hook from loading, or undefined when they let it through. */
export function explainSelection(
  hook: SelectableHook,
  selection: HookSelection,
  profile: HookProfile,
): string | undefined {
  if (!selection.active) return 'internal hooks are switched off (hooks.internal.enabled)';
  if (profile === 'current' && hook.rootKind === 'plugin') return undefined;
  const isSelected = selection.only === null || selection.only.has(hook.name) || selection.only.has(hook.hookKey);
  return isSelected ? undefined : 'not selected in hooks.internal.entries';
}

/** The label that listings print. Extra directories count as workspace in the seed, as managed in current. */
export function getHookSource(rootKind: HookRootKind, profile: HookProfile): HookSource {
  if (rootKind === 'extra') return profile === 'seed' ? 'openclaw-workspace' : 'openclaw-managed';
  return `openclaw-${rootKind}`;
}
