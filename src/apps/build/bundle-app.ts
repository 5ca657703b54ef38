import path from 'node:path';
import type { RolldownLog } from 'rolldown';
import { computedImportPlugin, createAppPlugin, entryId, isOwnFile, type Substitutes } from './app-plugin.ts';
import { createBuildError, explainMissing, toBuildError } from './build-errors.ts';
import type { ReportProgress } from './built-app.ts';
import { explainHarmlessMissing } from './missing-exports.ts';
import { findExternalPackage, getPackageBundle } from './package-bundle.ts';
import { prepareSdk } from './sdk-module.ts';

export interface BundleRequest {
  readonly dir: string;
  readonly entry: string;
  readonly cacheDir: string;
  readonly warn: (message: string) => void;
  readonly report: ReportProgress;
}

export interface AppScript {
  readonly code: string;
  readonly sourceMap: string;
}

interface Attempt extends AppScript {
  readonly unresolved: readonly Unresolved[];
  /** Imports that are left in the code, where a script can have none. */
  readonly leftImports: readonly string[];
}

interface Unresolved {
  readonly specifier: string;
  readonly importer: string;
  readonly line: number | null;
  readonly column: number | null;
}

/** Bundles everything that the entry reaches into one script. Rejects with `build_failed`. */
export async function bundleApp(request: BundleRequest): Promise<AppScript> {
  const sdk = await prepareSdk(request.cacheDir);
  const first = await attempt(request, sdk, new Map());
  const substitutes = await findSubstitutes(request, sdk, first);
  return substitutes.size === 0 ? first : attempt(request, sdk, substitutes);
}

/**
 * For what could not be found: packages that the platform provides although package.json does not list them, and for optional
 * packages of dependencies an exception. What the app itself imports and nobody has is an error.
 */
async function findSubstitutes(
  request: BundleRequest,
  sdk: string,
  { unresolved, leftImports }: Attempt,
): Promise<Substitutes> {
  const isProvided = ({ specifier }: Unresolved) => findExternalPackage(specifier) !== null;
  const missing = unresolved.filter((item) => isOwnFile(item.importer, request.dir, sdk) && !isProvided(item));
  if (missing.length > 0) {
    throw createBuildError(
      missing.map(({ specifier, importer, line, column }) => ({
        message: explainMissing(specifier, path.dirname(importer)),
        file: path.relative(request.dir, importer),
        line,
        column,
      })),
    );
  }
  const substitutes = new Map<string, string>();
  for (const { specifier } of unresolved.filter(isProvided)) {
    const options = { cacheDir: request.cacheDir, onProgress: request.report };
    substitutes.set(specifier, (await getPackageBundle(findExternalPackage(specifier)!, options)).code);
  }
  for (const specifier of leftImports) {
    if (!substitutes.has(specifier)) substitutes.set(specifier, throwNotFound(specifier));
  }
  return substitutes;
}

function throwNotFound(specifier: string): string {
  const message = JSON.stringify(`Cannot find module '${specifier}'`);
  return `throw Object.assign(new Error(${message}), { code: 'MODULE_NOT_FOUND' });\nmodule.exports = {};`;
}

// import.meta does not exist in a script; what packages ask of it is where they are, and that they are in no browser.
const moduleGlobals = {
  'import.meta.url': '"file:///app/index.js"',
  'import.meta.dirname': '"/app"',
  'import.meta.filename': '"/app/index.js"',
  'import.meta.env': '({})',
};

/** `shimMissingExports`: names that a module does not export are undefined instead of an error. */
async function attempt(
  request: BundleRequest,
  sdk: string,
  substitutes: Substitutes,
  shimMissingExports = false,
): Promise<Attempt> {
  const { dir, entry, warn } = request;
  // Loaded on first use: the command line tool starts without it.
  const { rolldown } = await import('rolldown');
  const unresolved: Unresolved[] = [];
  try {
    await using bundle = await rolldown({
      input: entryId,
      cwd: dir,
      // As for Node, except that the bundler's own `require` for computed names is the global one and not made from a URL.
      platform: 'neutral',
      shimMissingExports,
      transform: { define: moduleGlobals },
      resolve: {
        mainFields: ['main', 'module'],
        conditionNames: ['node'],
        extensions: ['.ts', '.tsx', '.mts', '.js', '.mjs', '.cjs', '.jsx', '.json'],
      },
      plugins: [createAppPlugin({ dir, entry, sdk, substitutes, warn }), computedImportPlugin],
      onLog(level, log) {
        if (log.code === 'UNRESOLVED_IMPORT') unresolved.push(toUnresolved(log));
        else if (level === 'warn' && !silencedWarnings.has(log.code ?? '')) warn(log.message.split('\n')[0] ?? '');
      },
    });
    const { output } = await bundle.generate({
      dir,
      format: 'esm',
      codeSplitting: false,
      sourcemap: 'hidden',
      sourcemapPathTransform: (source) => nameSource(path.resolve(dir, source), dir, sdk),
    });
    const [chunk] = output;
    return {
      code: toScript(chunk.code),
      sourceMap: chunk.map?.toString() ?? '',
      unresolved,
      leftImports: chunk.imports,
    };
  } catch (error) {
    const warnings = shimMissingExports ? null : await explainHarmlessMissing(error, dir);
    if (warnings === null) throw toBuildError(error, dir);
    warnings.forEach(warn);
    return attempt(request, sdk, substitutes, true);
  }
}

const silencedWarnings = new Set(['DEPRECATED_IMPORT_ASSERTION', 'EVAL', 'COMMONJS_VARIABLE_IN_ESM', 'SHIMMED_EXPORT']);

function toUnresolved(log: RolldownLog): Unresolved {
  return {
    specifier: log.exporter ?? '',
    importer: log.id ?? '',
    line: log.loc?.line ?? null,
    column: log.loc ? log.loc.column + 1 : null,
  };
}

/** How a source is called in stacks: relative to the app, and our library by its name. */
function nameSource(file: string, dir: string, sdk: string): string {
  return file === sdk ? 'tackle-sdk' : path.relative(dir, file);
}

/**
 * The bundle is a module without imports or exports; wrapped into a function it is a script, in which `await` may stand at
 * the top. No line is put before it, so that the source map holds.
 */
function toScript(moduleCode: string): string {
  const body = moduleCode.replace(/\nexport \{\s*\};\s*$/, '\n');
  return `globalThis.__tackleExports=(async()=>{${body}\nreturn globalThis.__tackleExports})();\n`;
}
