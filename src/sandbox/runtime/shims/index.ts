import os from './os.ts';

/** Our replacements of built-in modules, made when first required. */
export const shims: Readonly<Record<string, () => unknown>> = {
  console: () => globalThis.console,
  process: () => globalThis.process,
  os: () => os,
};
