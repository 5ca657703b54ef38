import os from 'node:os';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { type BuildOptions, type BuiltApp, maxBundleBytes } from './built-app.ts';
import { bundleApp } from './bundle-app.ts';
import { findEntry, readPackageFile } from './find-entry.ts';
import { findMissingPackages, installDependencies } from './install-dependencies.ts';

/**
 * Bundles an app into one script for the sandbox (spec/codehooks.md 1.5): JavaScript and TypeScript, JSON and text imports,
 * npm dependencies (installed first when they are missing), our library in place of `codehooks-js`. Types are not checked.
 * Rejects with `build_failed`, whose message lists the problems as `file:line:column  message`.
 */
export async function buildApp(options: BuildOptions): Promise<BuiltApp> {
  const dir = path.resolve(options.dir);
  const packageFile = await readPackageFile(dir);
  const entry = await findEntry(dir, options.main, packageFile);
  const missing = await findMissingPackages(dir, packageFile);
  if (missing.length > 0) {
    await installDependencies(dir, missing, options.onProgress ?? (() => {}), options.installTimeoutMs);
  }
  const warnings = new Set<string>();
  const bundle = await bundleApp({
    dir,
    entry,
    cacheDir: options.cacheDir ?? getDefaultCacheDir(),
    warn: (warning) => warnings.add(warning),
    report: options.onProgress ?? (() => {}),
  });
  const bytes = Buffer.byteLength(bundle.code);
  if (bytes > maxBundleBytes) {
    throw new TackleError(
      'build_failed',
      `The bundle has ${megabytes(bytes)} MB; at most ${megabytes(maxBundleBytes)} MB can be deployed. Look for a large package or data file that is imported.`,
    );
  }
  return {
    ...bundle,
    main: path.relative(dir, entry),
    language: /\.[mc]?tsx?$/.test(entry) ? 'Typescript' : 'Javascript',
    installed: missing,
    warnings: [...warnings],
  };
}

function getDefaultCacheDir(): string {
  const home = process.env.TACKLE_HOME ?? path.join(os.homedir(), '.tackle');
  return path.join(home, 'cache', 'packages');
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
