import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import type { ReportProgress } from './built-app.ts';
import type { PackageFile } from './find-entry.ts';
import { sdkNames } from './sdk-module.ts';

const defaultTimeoutMs = 300_000;
/** How much of what npm prints is kept for the error. */
const maxErrorText = 2_000;

/** Names of the dependencies that package.json lists and node_modules (here or further up) does not have. */
export async function findMissingPackages(dir: string, packageFile: PackageFile | null): Promise<string[]> {
  const names = Object.keys(packageFile?.dependencies ?? {}).filter((name) => !sdkNames.includes(name));
  const present = await Promise.all(names.map((name) => isInstalled(dir, name)));
  return names.filter((_, index) => !present[index]);
}

async function isInstalled(dir: string, name: string): Promise<boolean> {
  for (let current = path.resolve(dir); ; current = path.dirname(current)) {
    const file = path.join(current, 'node_modules', name, 'package.json');
    const found = await access(file).then(
      () => true,
      () => false,
    );
    if (found) return true;
    if (path.dirname(current) === current) return false;
  }
}

/** Runs `npm install` in the directory of the app. No script of any package runs. Rejects with `build_failed`. */
export async function installDependencies(
  dir: string,
  missing: readonly string[],
  report: ReportProgress,
  timeoutMs = defaultTimeoutMs,
): Promise<void> {
  const count = missing.length === 1 ? '1 package' : `${missing.length} packages`;
  report(`Installing ${count}: ${missing.join(', ')}`);
  const startedAt = performance.now();
  await runNpm(['install', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'], dir, timeoutMs);
  report(`Installed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

/** Runs npm and rejects with `build_failed` and the end of its output when it fails. */
export function runNpm(args: readonly string[], cwd: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const isWindows = process.platform === 'win32';
    const child = spawn(isWindows ? 'npm.cmd' : 'npm', args, {
      cwd,
      shell: isWindows,
      timeout: timeoutMs,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-maxErrorText);
    });
    child.on('error', (error) => {
      reject(new TackleError('build_failed', `npm could not be started: ${error.message}`, { cause: error }));
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else {
        const end = signal === null ? `exited with ${code}` : `took longer than ${timeoutMs} ms`;
        reject(new TackleError('build_failed', `npm ${args[0]} in ${cwd} ${end}:\n${output.trim()}`));
      }
    });
  });
}
