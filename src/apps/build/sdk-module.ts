import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const sdkNames = new Set(['codehooks-js', 'tackle-sdk']);
const inRepository = fileURLToPath(new URL('../../../packages/sdk/src/index.ts', import.meta.url));

/** True for the names under which apps import the library; ours stands in for all of them. */
export function isSdkName(specifier: string): boolean {
  return sdkNames.has(specifier);
}

let sdkModule: string | null = null;

/** File of our own library: the sources in a checkout, else the installed package. */
export function getSdkModule(): string {
  sdkModule ??= existsSync(inRepository) ? inRepository : createRequire(import.meta.url).resolve('tackle-sdk');
  return sdkModule;
}
