/** The exact JSON shapes of `hooks list`, `hooks info` and `hooks check`; the order of the keys is part of them. */
import { findNearestEventKey, isKnownEventKey } from '../core/hook-event.ts';
import { emptyRequirements, type HookInstallSpec, type HookRequirements } from '../core/hook-metadata.ts';
import type { CatalogHook, HookCatalog } from './catalog.ts';
import { chooseIsolation, type HookIsolation } from './host/isolation.ts';
import { type ResolvedPermissions, resolvePermissions } from './host/permissions.ts';

export interface HookListItem {
  readonly name: string;
  readonly description: string;
  readonly emoji?: string;
  readonly eligible: boolean;
  readonly disabled: boolean;
  readonly enabledByConfig?: boolean;
  readonly requirementsSatisfied?: boolean;
  readonly loadable?: boolean;
  readonly blockedReason?: string;
  readonly source: string;
  readonly pluginId?: string;
  readonly events: readonly string[];
  readonly unknownEvents?: readonly string[];
  readonly homepage?: string;
  readonly missing: HookRequirements;
  readonly managedByPlugin: boolean;
  /** What really keeps it from loading here: also the master switch, the allow-list, and metadata that cannot be read. */
  readonly notLoaded?: string;
  readonly shadowedBy?: { readonly source: string; readonly baseDir: string };
  readonly lastFired?: string;
  readonly lastFiredReason?: string;
  readonly loadError?: string;
}

export interface HookListReport {
  readonly workspaceDir: string;
  readonly managedHooksDir: string;
  readonly hooks: readonly HookListItem[];
}

/** What only a running or journalled engine knows about a hook. */
export interface RuntimeFacts {
  readonly loadErrors?: ReadonlyMap<string, string>;
  readonly lastFired?: ReadonlyMap<string, number>;
  /** Hook name to why it was not called when it was last passed over. */
  readonly lastSkipped?: ReadonlyMap<string, string>;
}

export interface ListOptions extends RuntimeFacts {
  readonly eligibleOnly?: boolean;
  /** Adds hooks that another of the same name hides. */
  readonly includeShadowed?: boolean;
  readonly agentId?: string;
}

export function listVisibleHooks(
  catalog: HookCatalog,
  options: { readonly includeShadowed?: boolean; readonly agentId?: string } = {},
): readonly CatalogHook[] {
  const { agentId, includeShadowed = false } = options;
  return catalog.hooks.filter((item) => {
    if (item.shadowedBy !== undefined && !includeShadowed) return false;
    return agentId === undefined || item.agents === null || item.agents.includes(agentId);
  });
}

export function createListReport(catalog: HookCatalog, options: ListOptions = {}): HookListReport {
  const visible = listVisibleHooks(catalog, options).filter(
    (item) => !options.eligibleOnly || item.eligibility.eligible,
  );
  const agent = catalog.config.agents.find((item) => item.agentId === options.agentId) ?? catalog.config.agents[0];
  return {
    workspaceDir: agent?.workspaceDir ?? '',
    managedHooksDir: catalog.managedHooksDir,
    hooks: visible.map((item) => createListItem(catalog, item, options)),
  };
}

function createListItem(catalog: HookCatalog, item: CatalogHook, facts: RuntimeFacts): HookListItem {
  const { hook, eligibility } = item;
  const isCurrent = catalog.config.profile === 'current';
  return {
    name: hook.name,
    description: hook.description,
    emoji: hook.metadata?.emoji,
    eligible: eligibility.eligible,
    disabled: eligibility.disabled,
    ...(isCurrent && describeCurrentState(item)),
    source: item.source,
    pluginId: hook.pluginId,
    events: hook.events,
    ...((isCurrent || item.unknownEvents.length > 0) && { unknownEvents: item.unknownEvents }),
    homepage: hook.metadata?.homepage,
    missing: eligibility.missing,
    managedByPlugin: item.managedByPlugin,
    ...(isCurrent && item.blockedReason !== undefined && { notLoaded: item.blockedReason }),
    ...(item.shadowedBy !== undefined && { shadowedBy: item.shadowedBy }),
    ...describeFiring(item, facts),
    ...(facts.loadErrors?.has(hook.id) && { loadError: facts.loadErrors.get(hook.id) }),
  };
}

/** The state as OpenClaw 2026.9 reports it: of the hook alone, without the master switch and the allow-list. */
function describeCurrentState(item: CatalogHook) {
  const { hook, eligibility, policyReason } = item;
  const requirementsReason = eligibility.requirementsSatisfied ? undefined : 'missing requirements';
  const eventsReason = hook.events.length === 0 || hook.invalid !== undefined ? 'no events defined' : undefined;
  const blockedReason = policyReason ?? requirementsReason ?? eventsReason;
  return {
    eligible: blockedReason === undefined,
    disabled: policyReason !== undefined,
    enabledByConfig: policyReason === undefined,
    requirementsSatisfied: eligibility.requirementsSatisfied,
    loadable: blockedReason === undefined,
    blockedReason,
  };
}

/** When the hook last ran; for one that never did, the most likely class of reason. */
function describeFiring(item: CatalogHook, facts: RuntimeFacts): { lastFired?: string; lastFiredReason?: string } {
  if (facts.lastFired === undefined || !item.loadable) return {};
  const at = facts.lastFired.get(item.hook.name);
  if (at !== undefined) return { lastFired: new Date(at).toISOString() };
  return { lastFired: 'never', lastFiredReason: explainSilence(item, facts) };
}

function explainSilence(item: CatalogHook, { lastSkipped }: RuntimeFacts): string {
  const { events } = item.hook;
  if (events.length === 0) return 'no events in metadata';
  if (events.every((key) => !isKnownEventKey(key))) {
    const nearest = findNearestEventKey(events[0] ?? '');
    return `unknown event${nearest === undefined ? '' : ` (did you mean ${nearest}?)`}`;
  }
  return lastSkipped?.get(item.hook.name) ?? 'no such event yet, or its producer is not running';
}

export interface HookInfoReport {
  readonly name: string;
  readonly description: string;
  readonly source: string;
  readonly pluginId?: string;
  readonly filePath: string;
  readonly baseDir: string;
  readonly handlerPath: string;
  readonly hookKey: string;
  readonly emoji?: string;
  readonly homepage?: string;
  readonly events: readonly string[];
  readonly always: boolean;
  readonly disabled: boolean;
  readonly eligible: boolean;
  readonly managedByPlugin: boolean;
  readonly requirements: HookRequirements;
  readonly missing: HookRequirements;
  readonly configChecks: readonly { readonly path: string; readonly satisfied: boolean }[];
  readonly install: readonly {
    readonly id: string;
    readonly kind: string;
    readonly label: string;
    readonly bins: readonly string[];
  }[];
  readonly blockedReason?: string;
  readonly unknownEvents?: readonly string[];
  readonly notLoaded?: string;
  readonly loadError?: string;
  readonly lints: readonly { readonly code: string; readonly message: string }[];
  /** What the hook can touch. */
  readonly reach: HookReach;
}

export interface HookReach {
  readonly isolation: HookIsolation;
  /** Null: everything that the user who runs the server can reach. */
  readonly permissions: ResolvedPermissions | null;
}

export function describeReach(catalog: HookCatalog, item: CatalogHook): HookReach {
  const { permissions, baseDir } = item.hook;
  if (permissions === undefined) return { isolation: chooseIsolation(item), permissions: null };
  const places = {
    hookDir: baseDir,
    homeDir: catalog.config.places.homeDir,
    workspaceDir: getWorkspace(catalog, item),
  };
  return { isolation: 'sandbox', permissions: resolvePermissions(permissions, places) };
}

function getWorkspace(catalog: HookCatalog, item: CatalogHook): string {
  const { agents } = catalog.config;
  return (agents.find((agent) => agent.agentId === item.hook.agentId) ?? agents[0])?.workspaceDir ?? '';
}

/** Looks under the name and under the configuration key; a hook that wins comes before one that is hidden. */
export function findCatalogHook(catalog: HookCatalog, nameOrKey: string): CatalogHook | undefined {
  const matches = (item: CatalogHook) => item.hook.name === nameOrKey || item.hook.hookKey === nameOrKey;
  return catalog.hooks.find((item) => item.shadowedBy === undefined && matches(item)) ?? catalog.hooks.find(matches);
}

export function createInfoReport(
  catalog: HookCatalog,
  item: CatalogHook,
  loadErrors: ReadonlyMap<string, string> = new Map(),
): HookInfoReport {
  const { hook, eligibility } = item;
  const isCurrent = catalog.config.profile === 'current';
  return {
    name: hook.name,
    description: hook.description,
    source: item.source,
    pluginId: hook.pluginId,
    filePath: hook.filePath,
    baseDir: hook.baseDir,
    handlerPath: hook.handlerPath,
    hookKey: hook.hookKey,
    emoji: hook.metadata?.emoji,
    homepage: hook.metadata?.homepage,
    events: hook.events,
    always: hook.metadata?.always ?? false,
    disabled: eligibility.disabled,
    eligible: eligibility.eligible,
    managedByPlugin: item.managedByPlugin,
    requirements: hook.metadata?.requirements ?? emptyRequirements,
    missing: eligibility.missing,
    configChecks: eligibility.configChecks,
    install: (hook.metadata?.install ?? []).map(describeInstall),
    blockedReason: item.blockedReason,
    ...((isCurrent || item.unknownEvents.length > 0) && { unknownEvents: item.unknownEvents }),
    ...(isCurrent && { ...describeCurrentState(item), notLoaded: item.blockedReason }),
    ...(loadErrors.has(hook.id) && { loadError: loadErrors.get(hook.id) }),
    lints: hook.lints,
    reach: describeReach(catalog, item),
  };
}

function describeInstall(spec: HookInstallSpec, index: number): HookInfoReport['install'][number] {
  const defaults = {
    bundled: 'Bundled with OpenClaw',
    npm: `Install ${spec.package ?? 'package'} (npm)`,
    git: `Install from ${spec.repository ?? 'repository'}`,
  };
  return {
    id: spec.id ?? `${spec.kind}-${index}`,
    kind: spec.kind,
    label: spec.label ?? defaults[spec.kind],
    bins: spec.bins ?? [],
  };
}

export interface HookCheckReport {
  readonly total: number;
  readonly eligible: number;
  readonly notEligible: number;
  readonly hooks: {
    readonly eligible: readonly string[];
    readonly notEligible: readonly {
      readonly name: string;
      readonly missing: HookRequirements;
      readonly blockedReason?: string;
    }[];
  };
  readonly unknownEvents?: readonly { readonly name: string; readonly event: string; readonly suggestion?: string }[];
  readonly problems?: readonly string[];
}

export function createCheckReport(
  catalog: HookCatalog,
  options: { readonly agentId?: string; readonly loadErrors?: ReadonlyMap<string, string> } = {},
): HookCheckReport {
  const visible = listVisibleHooks(catalog, options);
  const isCurrent = catalog.config.profile === 'current';
  const isReady = (item: CatalogHook) =>
    isCurrent ? describeCurrentState(item).loadable : item.eligibility.eligible && item.hook.invalid === undefined;
  const eligible = visible.filter(isReady);
  const rest = visible.filter((item) => !isReady(item));
  const unknown = visible.flatMap((item) =>
    item.unknownEvents.map((event) => ({ name: item.hook.name, event, suggestion: findNearestEventKey(event) })),
  );
  const broken = visible.flatMap(({ hook }) => {
    const error = options.loadErrors?.get(hook.id);
    return error === undefined ? [] : [`Hook ${hook.name} could not be loaded: ${error}`];
  });
  const findings = [...catalog.problems, ...catalog.lints].map((item) => item.message);
  const problems = [...findings, ...broken];
  return {
    total: visible.length,
    eligible: eligible.length,
    notEligible: rest.length,
    hooks: {
      eligible: eligible.map((item) => item.hook.name),
      notEligible: rest.map((item) => ({
        name: item.hook.name,
        ...(isCurrent && { blockedReason: describeCurrentState(item).blockedReason }),
        missing: item.eligibility.missing,
        ...(!isCurrent && item.hook.invalid !== undefined && { blockedReason: item.blockedReason }),
      })),
    },
    ...(unknown.length > 0 && { unknownEvents: unknown }),
    ...(problems.length > 0 && { problems }),
  };
}
