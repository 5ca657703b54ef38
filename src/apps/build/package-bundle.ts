import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import type { ReportProgress } from './built-app.ts';
import { findInCache, putIntoCache } from './cache.ts';
import { type ExternalPackage, externalPackages } from './external-packages.ts';
import { runNpm } from './install-dependencies.ts';
import { loadLargeJson } from './json-module.ts';

export interface PackageBundle {
  readonly name: string;
  readonly version: string;
  /** The package and all it needs as the body of a CommonJS module: uses `module`, `exports`, `require`. */
  readonly code: string;
}

export interface PackageBundleOptions {
  /** Directory for installed packages and their bundles; may be emptied at any time. */
  readonly cacheDir: string;
  readonly onProgress?: ReportProgress;
}

/** Changes when bundles are made differently, so that older ones in a cache are not used. */
const bundleFormat = 3;
const installTimeoutMs = 300_000;
const entryId = '\0tackle:package';
const emptyId = '\0tackle:empty';
/**
 * What a package requires and never uses here. node-fetch falls back to whatwg-url where Node has no URL; its tables are five
 * sixths of the bundle, and a third of the time that it takes to evaluate.
 */
const unused: Readonly<Record<string, readonly string[]>> = { 'node-fetch': ['whatwg-url'] };
const require = createRequire(import.meta.url);
const underWay = new Map<string, Promise<PackageBundle>>();

/**
 * The bundle of an external package, from memory, from the cache, or made now. Rejects with `deploy_failed` when it cannot
 * be installed, or is not the one that the table names.
 */
export function getPackageBundle(external: ExternalPackage, options: PackageBundleOptions): Promise<PackageBundle> {
  const key = `${options.cacheDir}\n${external.name}\n${external.from === 'npm' ? external.version : ''}`;
  let bundle = underWay.get(key);
  if (bundle === undefined) {
    bundle = createPackageBundle(external, options);
    underWay.set(key, bundle);
    // Whoever asks next tries again; what succeeded stays.
    bundle.catch(() => underWay.delete(key));
  }
  return bundle;
}

async function createPackageBundle(external: ExternalPackage, options: PackageBundleOptions): Promise<PackageBundle> {
  const { name } = external;
  const version = external.from === 'npm' ? external.version : await readVersion(findShippedDirectory(name));
  const file = `${name.replaceAll('/', '+')}@${version}-${bundleFormat}.cjs`;
  const cached = await findInCache(options.cacheDir, file);
  if (cached !== null) return { name, version, code: cached.text };
  const directory = external.from === 'npm' ? await installPackage(external, options) : findShippedDirectory(name);
  const code = await bundlePackage(name, directory);
  await putIntoCache(options.cacheDir, file, code);
  return { name, version, code };
}

/** Directory of a package that comes with Tackle. */
function findShippedDirectory(name: string): string {
  for (const modules of require.resolve.paths(name) ?? []) {
    const directory = path.join(modules, name);
    try {
      require.resolve(path.join(directory, 'package.json'));
      return directory;
    } catch {
      // Further up, then.
    }
  }
  throw new TackleError(
    'deploy_failed',
    `The package ${name} should come with Tackle and is missing. Install Tackle again.`,
  );
}

async function readVersion(directory: string): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(directory, 'package.json'), 'utf8')) as { version: string };
  return version;
}

type NpmPackage = Extract<ExternalPackage, { from: 'npm' }>;

/** Installs into a directory of its own; answers that directory once the integrity is the expected one. */
async function installPackage(external: NpmPackage, options: PackageBundleOptions): Promise<string> {
  const { name, version, integrity } = external;
  options.onProgress?.(`Installing ${name} ${version}, which the platform provides to bundles`);
  const hash = createHash('sha256').update(`${name}@${version}`).digest('hex').slice(0, 12);
  const directory = path.join(options.cacheDir, `install-${hash}`);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await writeFile(
    path.join(directory, 'package.json'),
    JSON.stringify({ private: true, dependencies: { [name]: version } }),
  );
  await runNpm(['install', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'], directory, installTimeoutMs);
  const lock = JSON.parse(await readFile(path.join(directory, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string }>;
  };
  const found = lock.packages[`node_modules/${name}`]?.integrity;
  if (found !== integrity) {
    await rm(directory, { recursive: true, force: true });
    throw new TackleError(
      'deploy_failed',
      `The registry's ${name} ${version} is not the package that Tackle knows (integrity ${found ?? 'missing'}, expected ${integrity}). It was not used.`,
    );
  }
  return directory;
}

async function bundlePackage(name: string, directory: string): Promise<string> {
  const { rolldown } = await import('rolldown');
  await using bundle = await rolldown({
    input: entryId,
    cwd: directory,
    platform: 'node',
    // Optional packages that are not there stay `require` calls, which throw as their callers expect.
    external: (id) => isBuiltin(id),
    onLog() {},
    plugins: [
      {
        name: 'tackle-package',
        resolveId: (id, importer) => {
          if (id === entryId) return id;
          if (unused[name]?.includes(id)) return emptyId;
          // Resolved from the directory, for the entry itself lies nowhere.
          return importer === entryId ? createRequire(path.join(directory, 'index.js')).resolve(id) : null;
        },
        async load(id) {
          if (id === emptyId) return { code: 'module.exports = {};', moduleType: 'js' };
          if (id.endsWith('.json')) {
            const code = await loadLargeJson(id);
            return code === null ? null : { code, moduleType: 'js' };
          }
          if (id !== entryId) return null;
          return { code: `module.exports = require(${JSON.stringify(name)});`, moduleType: 'js' };
        },
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'cjs', codeSplitting: false, minify: true });
  return output[0].code;
}

/** The entry of the table for a name in `require`; null for names that the platform does not provide. */
export function findExternalPackage(name: string): ExternalPackage | null {
  return Object.hasOwn(externalPackages, name) ? externalPackages[name]! : null;
}
