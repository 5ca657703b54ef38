import { readFile } from 'node:fs/promises';
import { builtinModules, isBuiltin } from 'node:module';
import path from 'node:path';
import type { Plugin } from 'rolldown';
import { createBuildError } from './build-errors.ts';
import { findImportPosition } from './import-position.ts';
import { sdkNames } from './sdk-module.ts';

export const entryId = '\0tackle:entry';
const substitutePrefix = '\0tackle:substitute:';
const builtinPrefix = '\0tackle:builtin:';
const textExtension = /\.(txt|html?|css|hbs)$/i;

/** Built-in modules that make no sense in an app, with what to use instead. Packages may import them. */
const refusedInApps: Readonly<Record<string, string>> = {
  fs: 'Use `filestore` of codehooks-js for files, or import text files (.txt, .html, .css, .hbs) and JSON directly',
  path: 'Join URL-like paths with template strings, or use `new URL(…)`',
  os: 'An app has no machine of its own; settings come from `process.env`',
};

/** Code for modules that were not found: packages of the platform, or an exception for those of nobody. By specifier. */
export type Substitutes = ReadonlyMap<string, string>;

export interface AppPluginOptions {
  readonly dir: string;
  readonly entry: string;
  /** File of our own library. */
  readonly sdk: string;
  readonly substitutes: Substitutes;
}

/** What makes an app a bundle of ours: its library, built-in modules by `require`, text files as strings. */
export function createAppPlugin({ dir, entry, sdk, substitutes }: AppPluginOptions): Plugin {
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
        if (importer !== undefined && isOwnFile(importer, dir, sdk))
          await refuseBuiltin(name, specifier, importer, dir);
        return builtinPrefix + name;
      },
    },
    load: {
      filter: { id: /^\0tackle:|\.(?:txt|html?|css|hbs)$/i },
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
        if (!textExtension.test(id)) return null;
        const text = await readFile(id, 'utf8');
        return { code: `module.exports = ${JSON.stringify(text)};`, moduleType: 'js' };
      },
    },
  };
}

function matchAny(names: readonly string[], pattern: string): RegExp {
  return new RegExp(`^(?:${names.map((name) => RegExp.escape(name)).join('|')}|${pattern})$`);
}

/** The app's own sources are what lies in no node_modules, and is not our library. */
export function isOwnFile(file: string, dir: string, sdk: string): boolean {
  if (file.startsWith('\0') || file === sdk) return false;
  return !path.relative(dir, file).split(path.sep).includes('node_modules');
}

async function refuseBuiltin(name: string, specifier: string, importer: string, dir: string): Promise<void> {
  const alternative = refusedInApps[name.split('/')[0]!];
  if (alternative === undefined) return;
  const position = await findImportPosition(importer, specifier);
  throw createBuildError([
    {
      message: `"${specifier}" cannot be used in an app. ${alternative}.`,
      file: path.relative(dir, importer),
      line: position?.line ?? null,
      column: position?.column ?? null,
    },
  ]);
}
