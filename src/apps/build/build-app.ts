import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { TackleError } from '../../core/errors.ts';
import { createAppPlugin, entryId } from './app-plugin.ts';
import { toBuildError } from './build-errors.ts';
import { type BuildOptions, type BuiltApp, maxBundleBytes } from './built-app.ts';
import { findEntry, readPackageFile } from './find-entry.ts';
import { findMissingPackages, installDependencies } from './install-dependencies.ts';
import { getSdkModule } from './sdk-module.ts';

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
  const warnings: string[] = [];
  const bundle = await bundleApp(dir, entry, (warning) => warnings.push(warning));
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
    warnings,
  };
}

/** Loaded on first use: the command line tool starts without it. */
const loadBundler = () => import('rolldown');

async function bundleApp(
  dir: string,
  entry: string,
  warn: (message: string) => void,
): Promise<{ code: string; sourceMap: string }> {
  const { rolldown } = await loadBundler();
  // import.meta does not exist in a script; what packages ask of it is where they are, and that they are in no browser.
  const moduleUrl = JSON.stringify(pathToFileURL('/app/index.js').href);
  try {
    await using bundle = await rolldown({
      input: entryId,
      cwd: dir,
      platform: 'node',
      transform: {
        define: {
          'import.meta.url': moduleUrl,
          'import.meta.dirname': '"/app"',
          'import.meta.filename': '"/app/index.js"',
          'import.meta.env': '({})',
        },
      },
      resolve: { extensions: ['.ts', '.tsx', '.mts', '.js', '.mjs', '.cjs', '.jsx', '.json'] },
      plugins: [createAppPlugin(dir, entry)],
      onLog(level, log) {
        if (level === 'warn' && log.code !== 'DEPRECATED_IMPORT_ASSERTION' && log.code !== 'EVAL') {
          warn((log.message ?? '').split('\n')[0] ?? '');
        }
      },
    });
    const { output } = await bundle.generate({
      dir,
      format: 'esm',
      codeSplitting: false,
      sourcemap: 'hidden',
      sourcemapPathTransform: (source) => nameSource(path.resolve(dir, source), dir),
    });
    const [chunk] = output;
    return { code: toScript(chunk.code), sourceMap: chunk.map?.toString() ?? '' };
  } catch (error) {
    throw toBuildError(error, dir);
  }
}

/** How a source is called in stacks: relative to the app, and our library by its name. */
function nameSource(file: string, dir: string): string {
  const sdkDirectory = path.dirname(getSdkModule());
  if (file.startsWith(sdkDirectory + path.sep)) return `tackle-sdk/${path.relative(sdkDirectory, file)}`;
  return path.relative(dir, file);
}

/**
 * The bundle is a module without imports or exports; wrapped into a function on its own lines it is a script, in which
 * `await` may stand at the top. Nothing is put before the first line, so that the source map holds.
 */
function toScript(moduleCode: string): string {
  const body = moduleCode.replace(/\nexport \{\s*\};\s*$/, '\n');
  return `globalThis.__tackleExports=(async()=>{${body}\nreturn globalThis.__tackleExports})();\n`;
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
