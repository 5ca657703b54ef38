import { createRequire } from 'node:module';
import { builtinModules, builtinName } from './builtins.ts';
import type { EgressClient } from './egress-client.ts';
import { createShims } from './shims/index.ts';
import { refusedModule } from './shims/refused.ts';

/** `require` for app code: built-in modules only, each as the table says. */
export function createAppRequire(egress: EgressClient): (specifier: string) => unknown {
  // The address is only a base for resolving names, and only built-in names are ever resolved with it.
  const nativeRequire = createRequire('file:///app/app.js') as (name: string) => Record<string, unknown>;
  const shim = createShims(egress, nativeRequire);
  const refused = new Map<string, unknown>();
  return function require(specifier: string): unknown {
    const name = builtinName(specifier);
    if (name === null) {
      throw Object.assign(
        new Error(`Cannot find module '${specifier}': only built-in modules can be required at run time`),
        { code: 'MODULE_NOT_FOUND' },
      );
    }
    const kind = builtinModules[name];
    if (kind === 'native') return nativeRequire(`node:${name}`);
    if (kind === 'shim') return shim(name);
    let module = refused.get(name);
    if (!module) {
      module = refusedModule(name, nativeRequire(`node:${name}`));
      refused.set(name, module);
    }
    return module;
  };
}
