/** Hooks without a directory of their own, legacy modules and what plugins register, in the shape of the catalogue. */
import path from 'node:path';
import { isKnownEventKey } from '../core/hook-event.ts';
import { emptyRequirements } from '../core/hook-metadata.ts';
import { getHookSource, type HookProfile, type HookRootKind } from '../core/hook-selection.ts';
import type { CatalogHook } from './catalog.ts';

export interface VirtualHook {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly rootKind: HookRootKind;
  readonly pluginId?: string;
  readonly handlerPath: string;
  readonly boundaryDir: string;
  readonly events: readonly string[];
  readonly exportName: string;
  readonly profile: HookProfile;
}

export function createVirtualHook(virtual: VirtualHook): CatalogHook {
  const { id, name, description, rootKind, pluginId, handlerPath, boundaryDir, events, exportName } = virtual;
  return {
    hook: {
      id,
      name,
      description,
      rootKind,
      pluginId,
      filePath: handlerPath,
      baseDir: path.dirname(handlerPath),
      handlerPath,
      boundaryDir,
      hookKey: name,
      metadata: {
        namespace: 'openclaw',
        events,
        exportName,
        always: false,
        requirements: emptyRequirements,
        install: [],
      },
      events,
      lints: [],
      body: '',
      fingerprint: '',
    },
    source: getHookSource(rootKind, virtual.profile),
    eligibility: {
      disabled: false,
      missing: emptyRequirements,
      configChecks: [],
      requirementsSatisfied: true,
      eligible: true,
    },
    loadable: true,
    unknownEvents: events.filter((key) => !isKnownEventKey(key)),
    agents: null,
    managedByPlugin: rootKind === 'plugin',
    priority: 0,
  };
}
