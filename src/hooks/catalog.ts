/**
 * The catalogue: every hook that was found, whether it may run, for which agents, and if not, why.
 * Listing, checking, enabling and loading all read this one answer.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { computeEligibility, type Eligibility, type EligibilityFacts } from '../core/hook-eligibility.ts';
import { isKnownEventKey } from '../core/hook-event.ts';
import { emptyRequirements, type HookLint } from '../core/hook-metadata.ts';
import {
  computeSelection,
  explainPolicy,
  explainSelection,
  getHookSource,
  type HookSource,
  resolvePrecedence,
} from '../core/hook-selection.ts';
import { isPlainObject } from '../core/json.ts';
import { adjustBundledEvents, needsOptIn } from './bundled-policy.ts';
import { getHookEntry, getInternalBlock, type HookConfig } from './config/hook-config.ts';
import { expandHome } from './config/state-dir.ts';
import { discoverHooks } from './discovery/discover-hooks.ts';
import type { DiscoveredHook, DiscoveryProblem, HookRoot } from './discovery/discovered-hook.ts';
import { createBinFinder, isExecutableFile } from './discovery/find-bin.ts';

export interface CatalogHook {
  readonly hook: DiscoveredHook;
  readonly source: HookSource;
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly eligibility: Eligibility;
  /** Why its own entry keeps it off. */
  readonly policyReason?: string;
  /** True when the loader loads it. */
  readonly loadable: boolean;
  readonly blockedReason?: string;
  readonly unknownEvents: readonly string[];
  /** The hook of the same name that wins; set when it wins for every agent that could see this one. */
  readonly shadowedBy?: { readonly source: HookSource; readonly baseDir: string };
  /** Agents whose events reach the hook; null means all. */
  readonly agents: readonly string[] | null;
  readonly managedByPlugin: boolean;
  /** Higher runs first; 0 keeps the original order. */
  readonly priority: number;
}

export interface HookCatalog {
  readonly config: HookConfig;
  readonly managedHooksDir: string;
  readonly bundledHooksDir: string;
  /** In registration order; shadowed hooks come last. */
  readonly hooks: readonly CatalogHook[];
  readonly problems: readonly DiscoveryProblem[];
  /** Findings about the installation itself, such as a missing bundled directory. */
  readonly lints: readonly HookLint[];
}

export interface CatalogOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: string;
  readonly bundledHooksDir?: string;
  /** Directories of hooks that plugins bring along. */
  readonly pluginRoots?: readonly HookRoot[];
}

/** The directory of the hooks that ship with the package, beside this file in source and in the build. */
export function getBundledHooksDir(env: Readonly<Record<string, string | undefined>>): string {
  const named = env.OPENCLAW_BUNDLED_HOOKS_DIR ?? env.CLAWDBOT_BUNDLED_HOOKS_DIR;
  return named !== undefined && named.trim() !== ''
    ? path.resolve(named.trim())
    : path.join(import.meta.dirname, 'bundled');
}

export async function buildHookCatalog(config: HookConfig, options: CatalogOptions = {}): Promise<HookCatalog> {
  const env = options.env ?? process.env;
  const bundledHooksDir = options.bundledHooksDir ?? getBundledHooksDir(env);
  const managedHooksDir = path.join(config.places.stateDir, 'hooks');
  const roots = listRoots(config, bundledHooksDir, managedHooksDir, options.pluginRoots ?? []);
  const found = await discoverHooks(roots, config.settings);
  const platform = options.platform ?? process.platform;
  const facts: EligibilityFacts = {
    platform,
    env,
    hasBin: createBinFinder({ platform, env, isExecutable: isExecutableFile }),
    config: config.config,
  };
  const hooks = assembleHooks(found.hooks, config, facts);
  return {
    config,
    managedHooksDir,
    bundledHooksDir,
    hooks,
    problems: found.problems,
    lints: checkBundled(bundledHooksDir),
  };
}

function listRoots(
  config: HookConfig,
  bundledHooksDir: string,
  managedHooksDir: string,
  pluginRoots: readonly HookRoot[],
): HookRoot[] {
  const { load } = getInternalBlock(config.config);
  const extra = isPlainObject(load) && Array.isArray(load.extraDirs) ? load.extraDirs : [];
  const roots: HookRoot[] = extra
    .filter((dir) => typeof dir === 'string' && dir.trim() !== '')
    .map((dir: string) => ({ kind: 'extra', dir: path.resolve(expandHome(dir.trim(), config.places.homeDir)) }));
  roots.push({ kind: 'bundled', dir: bundledHooksDir }, ...pluginRoots, { kind: 'managed', dir: managedHooksDir });
  for (const agent of config.agents) {
    roots.push({ kind: 'workspace', dir: path.join(agent.workspaceDir, 'hooks'), agentId: agent.agentId });
  }
  return roots;
}

function checkBundled(dir: string): HookLint[] {
  if (existsSync(path.join(dir, 'session-memory', 'HOOK.md'))) return [];
  return [{ code: 'bundled_missing', message: `The bundled hooks are not where they should be: ${dir}` }];
}

interface AgentView {
  /** Ids of the winners of each agent. */
  readonly winners: ReadonlyMap<string, ReadonlySet<string>>;
  readonly shadowedBy: ReadonlyMap<string, DiscoveredHook>;
}

function resolveViews(hooks: readonly DiscoveredHook[], config: HookConfig): AgentView {
  const winners = new Map<string, ReadonlySet<string>>();
  const shadowedBy = new Map<string, DiscoveredHook>();
  for (const { agentId } of config.agents) {
    const visible = hooks.filter((hook) => hook.agentId === undefined || hook.agentId === agentId);
    const result = resolvePrecedence(visible, config.profile);
    winners.set(agentId, new Set(result.hooks.map((hook) => hook.id)));
    for (const { hook, shadowedBy: winner } of result.shadowed) shadowedBy.set(hook.id, winner);
  }
  return { winners, shadowedBy };
}

/** Position of each name in the merge map: the order in which names first appear when the roots are applied. */
function computePositions(hooks: readonly DiscoveredHook[], config: HookConfig): Map<string, number> {
  const merged = resolvePrecedence(
    hooks.map((hook) => ({ ...hook, rootKind: hook.rootKind })),
    config.profile,
  );
  return new Map(merged.hooks.map((hook, index) => [hook.name, index]));
}

function assembleHooks(found: readonly DiscoveredHook[], config: HookConfig, facts: EligibilityFacts): CatalogHook[] {
  const views = resolveViews(found, config);
  const positions = computePositions(found, config);
  const selection = computeSelection(config.config, config.profile);
  const result = found.map((original): CatalogHook => {
    const entry = readEntry(config, original);
    const hook = adjustBundledEvents(original, entry, config.profile);
    const managedByPlugin = hook.rootKind === 'plugin';
    const requirements = hook.metadata?.requirements ?? emptyRequirements;
    const always = hook.metadata?.always ?? false;
    const eligibility = computeEligibility({ requirements, always, entry, managedByPlugin }, facts);
    const policyReason = explainPolicy(hook, entry, config.profile);
    const selectionReason = explainSelection(hook, selection, config.profile);
    const winningAgents = config.agents
      .map((agent) => agent.agentId)
      .filter((id) => views.winners.get(id)?.has(hook.id));
    const winner = winningAgents.length === 0 ? views.shadowedBy.get(hook.id) : undefined;
    const blockedReason = explainBlock(hook, eligibility, policyReason ?? selectionReason, winner);
    return {
      hook,
      source: getHookSource(hook.rootKind, config.profile),
      entry,
      eligibility,
      policyReason,
      loadable: blockedReason === undefined,
      blockedReason,
      unknownEvents: hook.events.filter((key) => !isKnownEventKey(key)),
      shadowedBy: winner && { source: getHookSource(winner.rootKind, config.profile), baseDir: winner.baseDir },
      agents: winningAgents.length === config.agents.length ? null : winningAgents,
      managedByPlugin,
      priority: typeof entry?.priority === 'number' && Number.isFinite(entry.priority) ? entry.priority : 0,
    };
  });
  const place = (item: CatalogHook) =>
    item.shadowedBy === undefined ? (positions.get(item.hook.name) ?? 0) : found.length;
  return result
    .map((item, index) => ({ item, index }))
    .sort((a, b) => place(a.item) - place(b.item) || a.index - b.index)
    .map(({ item }) => item);
}

/** The loader of the original looks under the name as well when it asks whether a hook is disabled. */
function readEntry(config: HookConfig, hook: DiscoveredHook): Record<string, unknown> | undefined {
  const entry = getHookEntry(config.config, hook.hookKey);
  const byName = hook.hookKey === hook.name ? undefined : getHookEntry(config.config, hook.name);
  if (needsOptIn(hook, config.profile) && entry?.enabled !== true) return { ...entry, enabled: false };
  return byName?.enabled === false ? { ...entry, enabled: false } : entry;
}

function explainBlock(
  hook: DiscoveredHook,
  eligibility: Eligibility,
  configReason: string | undefined,
  winner: DiscoveredHook | undefined,
): string | undefined {
  if (hook.invalid !== undefined) return `invalid metadata: ${hook.invalid}`;
  if (eligibility.disabled) return 'disabled in config';
  if (winner !== undefined) return `shadowed by ${winner.baseDir}`;
  if (!eligibility.requirementsSatisfied) return 'missing requirements';
  return configReason;
}
