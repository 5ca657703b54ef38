/** One decision for everybody: list, info, check, enable and the loader ask here whether a hook may run. */
import type { HookRequirements } from './hook-metadata.ts';
import { isPlainObject } from './json.ts';

/** Facts about the machine; reading them is the caller's work. */
export interface EligibilityFacts {
  /** A Node platform name. */
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hasBin: (name: string) => boolean;
  /** The whole configuration, already resolved. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface EligibilitySubject {
  readonly requirements: HookRequirements;
  readonly always: boolean;
  /** `hooks.internal.entries[<key>]`. */
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly managedByPlugin: boolean;
}

export interface Eligibility {
  readonly disabled: boolean;
  readonly missing: HookRequirements;
  readonly configChecks: readonly { readonly path: string; readonly satisfied: boolean }[];
  readonly requirementsSatisfied: boolean;
  readonly eligible: boolean;
}

const configDefaults = new Map([
  ['workspace.dir', true],
  ['browser.enabled', true],
  ['browser.evaluateEnabled', true],
]);

/** The value at a dotted path; own properties only. */
export function getConfigValue(config: unknown, path: string): unknown {
  let value: unknown = config;
  for (const part of path.split('.').filter((item) => item !== '')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** Absent values fall back to a small table of defaults; objects and arrays count as true even when empty. */
export function isConfigPathTruthy(config: unknown, path: string): boolean {
  const value = getConfigValue(config, path);
  if (value === undefined || value === null) return configDefaults.get(path) ?? false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'string') return value.trim() !== '';
  return true;
}

function hasEnv(facts: EligibilityFacts, entry: EligibilitySubject['entry'], name: string): boolean {
  const own = facts.env[name];
  if (own !== undefined && own.trim() !== '') return true;
  const configured = isPlainObject(entry?.env) ? entry.env[name] : undefined;
  return typeof configured === 'string' && configured.trim() !== '';
}

/** Order: disabled, operating system, `always`, then programs, variables and configuration. */
export function computeEligibility(subject: EligibilitySubject, facts: EligibilityFacts): Eligibility {
  const { requirements, always, entry, managedByPlugin } = subject;
  const disabled = !managedByPlugin && entry?.enabled === false;
  const osFits = requirements.os.length === 0 || requirements.os.includes(facts.platform);
  const configChecks = requirements.config.map((path) => ({ path, satisfied: isConfigPathTruthy(facts.config, path) }));
  const anyBinFound = requirements.anyBins.length === 0 || requirements.anyBins.some((name) => facts.hasBin(name));
  const missing: HookRequirements = {
    bins: always ? [] : requirements.bins.filter((name) => !facts.hasBin(name)),
    anyBins: always || anyBinFound ? [] : requirements.anyBins,
    env: always ? [] : requirements.env.filter((name) => !hasEnv(facts, entry, name)),
    config: always ? [] : configChecks.filter((check) => !check.satisfied).map((check) => check.path),
    os: osFits ? [] : requirements.os,
  };
  const requirementsSatisfied = Object.values(missing).every((names) => names.length === 0);
  return { disabled, missing, configChecks, requirementsSatisfied, eligible: !disabled && requirementsSatisfied };
}
