/** The npm command, used only to fetch a package and its dependencies; scripts of packages never run. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';
import type { NpmSpec } from './npm-spec.ts';

export interface FetchedPackage {
  /** Path of the downloaded archive. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly integrity?: string;
  readonly shasum?: string;
}

export interface NpmClient {
  readonly fetch: (spec: NpmSpec, dir: string) => Promise<FetchedPackage>;
  readonly installDependencies: (dir: string) => Promise<void>;
}

const timeoutMs = 300_000;

/** `command` is for tests and for systems whose npm has another name. */
export function createNpmClient(env: NodeJS.ProcessEnv = process.env, command?: string): NpmClient {
  const npm = command ?? (process.platform === 'win32' ? 'npm.cmd' : 'npm');

  function run(args: readonly string[], cwd: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        cwd,
        env,
        timeout: timeoutMs,
        maxBuffer: 32 * 1024 * 1024,
        shell: process.platform === 'win32',
      };
      execFile(npm, [...args], options, (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
          return;
        }
        const lines = stderr.split('\n').filter((line) => /npm err|npm error/i.test(line));
        const reason = (lines[0] ?? error.message).replace(/^npm (?:err!|error)\s*/i, '').trim();
        reject(new TackleError('invalid_request', `npm ${args[0]} failed: ${reason}`, { cause: error }));
      });
    });
  }

  return {
    fetch: async (spec, dir) => {
      const output = await run(['pack', spec.raw, '--ignore-scripts', '--json'], dir);
      return readPackOutput(output, dir, spec);
    },
    installDependencies: async (dir) => {
      await run(
        ['install', '--omit=dev', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'],
        dir,
      );
    },
  };
}

/** A list in older versions of npm, an object by package in newer ones. */
function readPackOutput(output: string, dir: string, spec: NpmSpec): FetchedPackage {
  let value: unknown;
  try {
    value = JSON.parse(output.slice(Math.max(0, output.search(/[[{]/))));
  } catch (error) {
    throw new TackleError('invalid_request', `npm pack ${spec.raw} answered something that cannot be read.`, {
      cause: error,
    });
  }
  const list: unknown[] = Array.isArray(value)
    ? value
    : isPlainObject(value) && 'filename' in value
      ? [value]
      : Object.values(value as object);
  const first = list[0];
  if (!isPlainObject(first) || typeof first.filename !== 'string' || typeof first.version !== 'string') {
    throw new TackleError('invalid_request', `npm pack ${spec.raw} did not name a file.`);
  }
  return {
    // Older versions print the name with its scope although the file is called otherwise.
    file: path.join(dir, path.basename(first.filename.replace(/^@/, '').replaceAll('/', '-'))),
    name: typeof first.name === 'string' ? first.name : spec.name,
    version: first.version,
    integrity: typeof first.integrity === 'string' ? first.integrity : undefined,
    shasum: typeof first.shasum === 'string' ? first.shasum : undefined,
  };
}
