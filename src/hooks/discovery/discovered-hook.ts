/** What a scan knows about one hook, before any of its code has run. */
import type { HookLint, HookMetadata, HookPermissions } from '../../core/hook-metadata.ts';
import type { HookRootKind } from '../../core/hook-selection.ts';

export interface DiscoveredHook {
  /** Distinguishes hooks of one name from different places. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly rootKind: HookRootKind;
  /** Only events of this agent reach the hook; undefined means all. */
  readonly agentId?: string;
  readonly pluginId?: string;
  /** Path of HOOK.md. */
  readonly filePath: string;
  readonly baseDir: string;
  readonly handlerPath: string;
  /** A second handler file, tried when the first one cannot be loaded because of a missing import. */
  readonly fallbackHandlerPath?: string;
  /** Real path that every file of the hook must stay under. */
  readonly boundaryDir: string;
  readonly hookKey: string;
  readonly metadata?: HookMetadata;
  readonly permissions?: HookPermissions;
  readonly events: readonly string[];
  /** Set when HOOK.md cannot be used; the hook is listed but never loads. */
  readonly invalid?: string;
  readonly lints: readonly HookLint[];
  readonly body: string;
  /** Front matter `enabled`, which nothing but `info` reads. */
  readonly frontmatterEnabled?: boolean;
  /** Changes when HOOK.md or the handler changes. */
  readonly fingerprint: string;
}

/** A directory that looked like a hook but cannot be one. */
export interface DiscoveryProblem {
  readonly path: string;
  readonly message: string;
}

export interface HookRoot {
  readonly dir: string;
  readonly kind: HookRootKind;
  readonly agentId?: string;
  readonly pluginId?: string;
}

export interface DiscoveryResult {
  /** In the order of the roots, each root sorted by name. */
  readonly hooks: readonly DiscoveredHook[];
  readonly problems: readonly DiscoveryProblem[];
}
