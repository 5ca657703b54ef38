import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';

/** npm packages that hold the Deno binary and nothing else, by Node's platform and architecture. */
const packages: Readonly<Record<string, string>> = {
  'linux-x64': '@deno/linux-x64-glibc',
  'linux-arm64': '@deno/linux-arm64-glibc',
  'darwin-x64': '@deno/darwin-x64',
  'darwin-arm64': '@deno/darwin-arm64',
};

/** Path of the Deno binary that came with the installation. Throws a TackleError that says why there is none. */
export function findDenoBinary(): string {
  const platform = `${process.platform}-${process.arch}`;
  const name = packages[platform];
  if (!name) {
    throw new TackleError(
      'internal',
      `Apps cannot run here: there is no sandbox binary for ${platform}. Supported: ${Object.keys(packages).join(', ')}`,
    );
  }
  if (process.platform === 'linux' && hasMusl()) {
    throw new TackleError(
      'internal',
      'Apps cannot run here: the sandbox binary needs glibc, and this system has another C library (Alpine has musl). Use a Debian-based image, for example node:24-slim',
    );
  }
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return path.join(path.dirname(manifest), 'deno');
  } catch (error) {
    throw new TackleError(
      'internal',
      `Apps cannot run here: the package ${name} is not installed. Optional dependencies were probably left out: run npm install --include=optional`,
      { cause: error },
    );
  }
}

/** Asking process.report would be exact and take 40 ms. */
function hasMusl(): boolean {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return existsSync('/etc/alpine-release') || existsSync(`/lib/ld-musl-${machine}.so.1`);
}
