/**
 * Resolution and loading for the code of hooks, inside their own thread: TypeScript, files whose kind does not fit
 * their package, imports that name the built file or no extension, and packages that exist only as types.
 */
import { existsSync, readFileSync } from 'node:fs';
import { type ResolveFnOutput, registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  addCommonJsNames,
  compileTypeScript,
  detectModuleFormat,
  findSyntaxErrorLine,
  wrapCommonJs,
} from './module-format.ts';
import {
  getVirtualUrl,
  isVirtualPackage,
  isVirtualSourcePath,
  renderVirtualCommonJs,
  renderVirtualModule,
  virtualScheme,
} from './virtual-modules.ts';

/** State of one loading attempt; a new generation makes Node read every file of the hook anew. */
export interface HookModuleLoader {
  /**
   * Called when an import failed. Returns true when another attempt is worth while: a type that was imported like a
   * value is added where it was missing, a name that we gave to a file which has its own is taken back.
   */
  readonly learnFromError: (error: unknown) => boolean;
  readonly getGeneration: () => number;
  /** Adds file and line to an error of the parser, which tells neither; other errors stay as they are. */
  readonly explainSyntaxError: (error: unknown) => unknown;
}

const sourceExtensions = /\.(?:ts|mts|cts|js|mjs|cjs)$/;
const ownDir = path.resolve(import.meta.dirname, '../..');

export function installModuleHooks(helperNames: readonly string[]): HookModuleLoader {
  let generation = 0;
  /** URL without query to names that importers expect there. */
  const missingExports = new Map<string, Set<string>>();
  /** URL without query of the file that is compiled next: Node does so as soon as it has the text. */
  let lastLoaded: string | undefined;
  /** URL without query to CommonJS names that the file declares itself. */
  const ownNames = new Map<string, Set<string>>();
  const resolvedBySpecifier = new Map<string, Set<string>>();

  function remember(specifier: string, url: string): void {
    const urls = resolvedBySpecifier.get(specifier) ?? new Set();
    urls.add(stripQuery(url));
    resolvedBySpecifier.set(specifier, urls);
  }

  registerHooks({
    resolve(specifier, context, nextResolve) {
      const result = resolveSpecifier(
        specifier,
        context.parentURL,
        () => nextResolve(specifier, context),
        (other) => nextResolve(other, context),
        generation,
      );
      remember(specifier, result.url);
      if (generation > 0 && isHookFile(result.url) && !result.url.includes('?')) {
        return { ...result, url: `${result.url}?g=${generation}` };
      }
      return result;
    },
    load(url, context, nextLoad) {
      if (url.startsWith(virtualScheme)) {
        const specifier = decodeURIComponent(stripQuery(url).slice(virtualScheme.length));
        if (context.conditions.includes('require')) {
          return { format: 'commonjs', source: renderVirtualCommonJs(specifier), shortCircuit: true };
        }
        const names = [...(missingExports.get(stripQuery(url)) ?? [])];
        return { format: 'module', source: renderVirtualModule(specifier, helperNames, names), shortCircuit: true };
      }
      const file = getSourceFile(url);
      if (file === null) return nextLoad(url, context);
      lastLoaded = stripQuery(url);
      const isRequired = context.conditions.includes('require');
      return {
        ...readHookSource(
          file,
          [...(missingExports.get(stripQuery(url)) ?? [])],
          isRequired,
          ownNames.get(stripQuery(url)),
        ),
        shortCircuit: true,
      };
    },
  });

  function learnMissingExport(error: unknown): boolean {
    const message = error instanceof Error ? error.message : '';
    const match = /requested module '([^']+)' does not provide an export named '([^']+)'/.exec(message);
    const urls = match === null ? undefined : resolvedBySpecifier.get(match[1] ?? '');
    if (match === null || urls === undefined) return false;
    let learned = false;
    for (const url of urls) {
      if (!url.startsWith(virtualScheme) && !/\.(?:ts|mts)$/.test(url)) continue;
      const names = missingExports.get(url) ?? new Set();
      if (names.has(match[2] ?? '')) continue;
      names.add(match[2] ?? '');
      missingExports.set(url, names);
      learned = true;
    }
    if (learned) generation += 1;
    return learned;
  }

  /** How a file declares a name has too many forms to look for, but the compiler tells. */
  function learnOwnName(error: unknown): boolean {
    if (!(error instanceof SyntaxError)) return false;
    const name = /^Identifier '(require|__dirname|__filename)' has already been declared/.exec(error.message)?.[1];
    const url = lastLoaded;
    if (name === undefined || url === undefined) return false;
    const names = ownNames.get(url) ?? new Set();
    if (names.has(name)) return false;
    ownNames.set(url, names.add(name));
    generation += 1;
    return true;
  }

  function explainSyntaxError(error: unknown): unknown {
    if (!(error instanceof SyntaxError) || lastLoaded === undefined) return error;
    const file = fileURLToPath(lastLoaded);
    const line = findSyntaxErrorLine(readFileSync(file, 'utf8'));
    if (line !== undefined) error.message += ` (${file}:${line})`;
    return error;
  }

  return {
    explainSyntaxError,
    learnFromError: (error) => learnOwnName(error) || learnMissingExport(error),
    getGeneration: () => generation,
  };
}

function stripQuery(url: string): string {
  return url.replace(/[?#].*$/, '');
}

/** True for files that belong to hooks: not ours and not an installed package's. */
function isHookFile(url: string): boolean {
  return getSourceFile(url) !== null;
}

function getSourceFile(url: string): string | null {
  if (!url.startsWith('file:')) return null;
  const file = fileURLToPath(stripQuery(url));
  if (!sourceExtensions.test(file)) return null;
  const isOurs =
    file.startsWith(`${ownDir}${path.sep}`) && !file.startsWith(path.join(ownDir, 'hooks', 'bundled') + path.sep);
  if (isOurs) return null;
  const isPackage = file.includes(`${path.sep}node_modules${path.sep}`);
  // Node refuses to strip types inside node_modules, so those few files are ours to read as well.
  return isPackage && !/\.(?:ts|mts|cts)$/.test(file) ? null : file;
}

function resolveSpecifier(
  specifier: string,
  parentUrl: string | undefined,
  resolve: () => ResolveFnOutput,
  resolveOther: (specifier: string) => ResolveFnOutput,
  generation: number,
): ResolveFnOutput {
  try {
    return resolve();
  } catch (error) {
    if (isVirtualPackage(specifier)) return { url: getVirtualUrl(specifier, generation), shortCircuit: true };
    const other = findSourceTwin(specifier, parentUrl);
    if (other !== undefined) return resolveOther(other);
    if (isVirtualSourcePath(specifier)) return { url: getVirtualUrl(specifier, generation), shortCircuit: true };
    throw error;
  }
}

/** The file that an import means when it names the built file, or leaves the extension out. */
function findSourceTwin(specifier: string, parentUrl: string | undefined): string | undefined {
  if (!/^(?:\.{1,2}\/|\/|file:)/.test(specifier) || parentUrl === undefined || !parentUrl.startsWith('file:'))
    return undefined;
  const target = specifier.startsWith('file:')
    ? fileURLToPath(stripQuery(specifier))
    : path.resolve(path.dirname(fileURLToPath(stripQuery(parentUrl))), stripQuery(specifier));
  const twins = [
    target.replace(/\.js$/, '.ts'),
    target.replace(/\.mjs$/, '.mts'),
    target.replace(/\.cjs$/, '.cts'),
    ...['.ts', '.js', '.mjs', '.cjs', '.mts', '.cts', '.json'].map((extension) => target + extension),
    ...['index.ts', 'index.js', 'index.mjs'].map((name) => path.join(target, name)),
  ];
  const found = twins.find((file) => file !== target && existsSync(file) && sourceOrJson.test(file));
  return found === undefined ? undefined : pathToFileURL(found).href;
}

const sourceOrJson = /\.(?:ts|mts|cts|js|mjs|cjs|json)$/;

function readHookSource(
  file: string,
  missing: readonly string[],
  isRequired: boolean,
  ownNames: ReadonlySet<string> = new Set(),
): { format: string; source: string } {
  const text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  const isTypeScript = /\.(?:ts|mts|cts)$/.test(file);
  const code = isTypeScript ? compileTypeScript(text) : text;
  const format = getFormat(file, code);
  if (format === 'commonjs') {
    // Node judges an imported file by its package again; where that would be wrong, the file is wrapped.
    const isMisjudged = !isRequired && !file.endsWith('.cjs') && (isTypeScript || isInModulePackage(file));
    return isMisjudged ? { format: 'module', source: wrapCommonJs(code) } : { format, source: code };
  }
  const added = missing.map((name) => `\nexport const ${name} = undefined;`).join('');
  return { format, source: addCommonJsNames(code, ownNames) + added };
}

function getFormat(file: string, code: string): 'module' | 'commonjs' {
  if (/\.(?:mjs|mts)$/.test(file)) return 'module';
  if (/\.(?:cjs|cts)$/.test(file)) return 'commonjs';
  // A TypeScript file that only held types is empty now; its importers still expect an ES module.
  if (file.endsWith('.ts') && !/\b(?:require\s*\(|module\.exports|exports[.[])/.test(code)) return 'module';
  return detectModuleFormat(code);
}

function isInModulePackage(file: string): boolean {
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    const manifest = path.join(dir, 'package.json');
    if (existsSync(manifest)) return /"type"\s*:\s*"module"/.test(readFileSync(manifest, 'utf8'));
    if (dir === path.dirname(dir)) return false;
  }
}
