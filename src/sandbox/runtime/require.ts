import { createRequire } from 'node:module';
import { builtinModules, builtinName } from './builtins.ts';
import { shims } from './shims/index.ts';
import { refusedModule } from './shims/refused.ts';

/** `require` for app code: built-in modules only, each as the table says. */
export function createAppRequire(): (specifier: string) => unknown {
  // The address is only a base for resolving names, and only built-in names are ever resolved with it.
  const nativeRequire = createRequire('file:///app/app.js');
  const refused = new Map<string, unknown>();
  return function require(specifier: string): unknown {
    const name = builtinName(specifier);
    if (name === null) {
      throw Object.assign(
        new Error(`Cannot find module '${specifier}': only built-in modules can be required at run time`),
        {
          code: 'MODULE_NOT_FOUND',
        },
      );
    }
    const kind = builtinModules[name];
    if (kind === 'native') return nativeRequire(`node:${name}`);
    if (kind === 'shim') return shims[name]!();
    let module = refused.get(name);
    if (!module) {
      module = refusedModule(name, nativeRequire(`node:${name}`) as Record<string, unknown>);
      refused.set(name, module);
    }
    return module;
  };
}
