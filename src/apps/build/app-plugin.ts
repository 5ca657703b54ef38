import { readFile } from 'node:fs/promises';
import { builtinModules, isBuiltin } from 'node:module';
import path from 'node:path';
import type { Plugin } from 'rolldown';
import { followComputedImports, mayComputeImports } from './computed-imports.ts';
import { followCreatedRequire } from './created-require.ts';
import { findImportPosition } from './import-position.ts';
import { loadLargeJson } from './json-module.ts';
import { sdkNames } from './sdk-module.ts';
import { textExtensions } from './text-files.ts';

export const entryId = '\0tackle:entry';
const substitutePrefix = '\0tackle:substitute:';
const builtinPrefix = '\0tackle:builtin:';
const textExtension = new RegExp(`\\.(?:${textExtensions})$`, 'i');

/** Code for modules that were not found: packages of the platform, or an exception for those of nobody. By specifier. */
export type Substitutes = ReadonlyMap<string, string>;

export interface AppPluginOptions {
  readonly dir: string;
  readonly entry: string;
  /** File of our own library. */
  readonly sdk: string;
  readonly substitutes: Substitutes;
  readonly warn: (message: string) => void;
}

/** What makes an app a bundle of ours: its library, built-in modules by `require`, text files as strings, `createRequire`. */
export function createAppPlugin({ dir, entry, sdk, substitutes, warn }: AppPluginOptions): Plugin {
  return {
    name: 'tackle-app',
    // The filters keep the bundler from asking about each of the other modules, which is most of the time of a small build.
    resolveId: {
      filter: { id: matchAny([entryId, ...sdkNames, ...substitutes.keys(), ...builtinModules], 'node:.*') },
      async handler(specifier, importer) {
        if (specifier === entryId) return entryId;
        if (sdkNames.includes(specifier)) return sdk;
        if (substitutes.has(specifier)) return substitutePrefix + specifier;
        if (!isBuiltin(specifier)) return null;
        const name = specifier.replace(/^node:/, '');
        const isOwn = importer !== undefined && isOwnFile(importer, dir, sdk);
        if (isOwn && /^fs(?:\/|$)/.test(name)) warn(await describeFsImport(specifier, importer, dir));
        return builtinPrefix + name;
      },
    },
    load: {
      filter: { id: new RegExp(`^\\0tackle:|\\.(?:${textExtensions}|json)$`, 'i') },
      async handler(id) {
        if (id === entryId)
          return `import * as app from ${JSON.stringify(entry)};\nglobalThis.__tackleExports = app;\n`;
        if (id.startsWith(substitutePrefix)) {
          return { code: substitutes.get(id.slice(substitutePrefix.length))!, moduleType: 'js' };
        }
        if (id.startsWith(builtinPrefix)) {
          const name = JSON.stringify(id.slice(builtinPrefix.length));
          return { code: `module.exports = globalThis.require(${name});`, moduleType: 'js' };
        }
        if (id.endsWith('.json')) {
          const code = await loadLargeJson(id);
          return code === null ? null : { code, moduleType: 'js' };
        }
        if (!textExtension.test(id)) return null;
        const text = await readFile(id, 'utf8');
        return { code: `module.exports = ${JSON.stringify(text)};`, moduleType: 'js' };
      },
    },
    transform: {
      filter: { code: /createRequire\s*\(\s*import\.meta\.url/ },
      handler: (code) => followCreatedRequire(code),
    },
  };
}

/** After the other one, so that `createRequire` is followed already. */
export const computedImportPlugin: Plugin = {
  name: 'tackle-computed-imports',
  transform: {
    filter: { id: { exclude: /[\\/]node_modules[\\/]|^\0/ }, code: mayComputeImports },
    handler: (code, id) => followComputedImports(code, id),
  },
};

function matchAny(names: readonly string[], pattern: string): RegExp {
  return new RegExp(`^(?:${names.map((name) => RegExp.escape(name)).join('|')}|${pattern})$`);
}

/** The app's own sources are what lies in no node_modules, and is not our library. */
export function isOwnFile(file: string, dir: string, sdk: string): boolean {
  if (file.startsWith('\0') || file === sdk) return false;
  return !path.relative(dir, file).split(path.sep).includes('node_modules');
}

/** An app may import it and never call it, so this is no error. */
async function describeFsImport(specifier: string, importer: string, dir: string): Promise<string> {
  const position = await findImportPosition(importer, specifier);
  const place = [path.relative(dir, importer), ...(position === null ? [] : [position.line, position.column])].join(
    ':',
  );
  return `${place}  "${specifier}" has no files in an app: every call fails as for a missing file. Use \`filestore\` of codehooks-js, or import text files (.txt, .html, .md, .yaml, …) and JSON directly`;
}
