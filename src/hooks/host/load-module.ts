/** Imports a hook's or plugin's module and finds the function in it. Runs in the hook's own thread. */
import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { HookHandler } from './hook-helpers.ts';
import type { HookModuleLoader } from './module-hooks.ts';
import type { HookModuleSpec } from './protocol.ts';

export interface LoadedHandler {
  readonly handler: HookHandler;
  readonly lints: readonly { readonly code: string; readonly message: string }[];
}

const maxAttempts = 50;

/** The URL to import; the query changes with the file, as in the original, so that a reload sees new code. */
export function getImportUrl(file: string, bare: boolean): string {
  const url = pathToFileURL(file).href;
  if (bare) return url;
  try {
    const { mtimeMs, size } = statSync(file);
    return `${url}?t=${mtimeMs}&s=${size}`;
  } catch {
    return `${url}?t=${Date.now()}`;
  }
}

/** Imports a file, trying again as long as a failure teaches the loader something. */
export async function importWithTolerance(
  file: string,
  bare: boolean,
  loader: HookModuleLoader,
): Promise<Record<string, unknown>> {
  for (let attempt = 1; ; attempt += 1) {
    const generation = loader.getGeneration();
    const base = getImportUrl(file, bare);
    const url = generation === 0 ? base : `${base}${base.includes('?') ? '&' : '?'}g=${generation}`;
    try {
      return (await import(url)) as Record<string, unknown>;
    } catch (error) {
      if (attempt >= maxAttempts || !loader.learnFromError(error)) throw loader.explainSyntaxError(error);
    }
  }
}

function isMissingImport(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}

/** Says which package is missing instead of which path could not be resolved. */
function explainMissingImport(error: unknown): unknown {
  if (!isMissingImport(error) || !(error instanceof Error)) return error;
  const match = /Cannot find (?:package|module) '([^']+)'/.exec(error.message);
  const name = match?.[1];
  if (name === undefined || /^[./]|^file:|^[A-Za-z]:\\/.test(name)) return error;
  error.message = `missing dependency ${name}; run hooks install/link (${error.message})`;
  return error;
}

export async function loadHookModule(spec: HookModuleSpec, loader: HookModuleLoader): Promise<LoadedHandler> {
  const lints: { code: string; message: string }[] = [];
  let module: Record<string, unknown>;
  try {
    module = await importWithTolerance(spec.handlerPath, spec.bare, loader);
  } catch (error) {
    if (spec.fallbackHandlerPath === undefined || !isMissingImport(error)) throw explainMissingImport(error);
    const message = `${spec.handlerPath} cannot be loaded because of a missing import; its .js twin is used.`;
    lints.push({ code: 'fallback_handler', message });
    module = await importWithTolerance(spec.fallbackHandlerPath, spec.bare, loader);
  }
  const handler = findHandler(module, spec, lints);
  if (/^class\b/.test(Function.prototype.toString.call(handler))) {
    lints.push({ code: 'handler_is_class', message: 'The export is a class; calling it without "new" will throw.' });
  }
  return { handler, lints };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}

function findHandler(
  module: Record<string, unknown>,
  spec: HookModuleSpec,
  lints: { code: string; message: string }[],
): HookHandler {
  const direct = module[spec.exportName];
  if (typeof direct === 'function') return direct as HookHandler;
  // What a TypeScript compiler made of a default export, seen through Node's view of CommonJS.
  const inner = module.default;
  const unwrapped = isRecord(inner) ? inner[spec.exportName] : undefined;
  if (typeof unwrapped === 'function') return unwrapped as HookHandler;
  const candidates = isRecord(inner) ? { ...module, ...inner } : module;
  if (spec.lenientExports) {
    const name = ['handle', 'handler', 'default'].find((key) => typeof candidates[key] === 'function');
    if (name !== undefined) {
      lints.push({ code: 'lenient_export', message: `"${name}" is called because lenientExports is on.` });
      return candidates[name] as HookHandler;
    }
  }
  const functions = Object.keys(candidates).filter((key) => key !== 'default' && typeof candidates[key] === 'function');
  const hint =
    functions.length === 1 ? ` Set metadata.openclaw.export to "${functions[0]}", or export it as default.` : '';
  throw new TypeError(`Handler '${spec.exportName}' from ${spec.hookName} is not a function.${hint}`);
}
