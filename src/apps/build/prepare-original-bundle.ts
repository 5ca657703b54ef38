import { isBuiltin } from 'node:module';
import { TackleError } from '../../core/errors.ts';
import { maxBundleBytes } from './built-app.ts';
import { externalPackages } from './external-packages.ts';
import {
  findExternalPackage,
  getPackageBundle,
  type PackageBundle,
  type PackageBundleOptions,
} from './package-bundle.ts';

export interface PreparedBundle {
  /** One classic script that leaves the exports of the app in `globalThis.__tackleExports`. */
  readonly code: string;
  /** Packages that were put beside the bundle, by the name in its `require` calls. */
  readonly packages: readonly { readonly requiredAs: string; readonly name: string; readonly version: string }[];
}

const requireCall = /(?<![\w$.])require\(\s*(?:"([^"\\\n]+)"|'([^'\\\n]+)')\s*\)/g;

/**
 * Makes a bundle of the official command line (webpack, `var EntryPoint`, the original library inside) a script for the
 * sandbox: the packages that it leaves out are put beside it, and `EntryPoint` becomes its exports. The bundle itself is not
 * changed and begins in the first line. Rejects with `deploy_failed` when it requires a package that nobody provides.
 */
export async function prepareOriginalBundle(
  bundleText: string,
  options: PackageBundleOptions,
): Promise<PreparedBundle> {
  if (Buffer.byteLength(bundleText) > maxBundleBytes) {
    throw new TackleError('deploy_failed', `The bundle is larger than ${maxBundleBytes / 1024 / 1024} MB.`);
  }
  const names = findRequiredNames(bundleText).filter((name) => !isBuiltin(name));
  const unknown = names.filter((name) => findExternalPackage(name) === null);
  if (unknown.length > 0) await refuseUnknown(bundleText, unknown);
  const known = names.filter((name) => findExternalPackage(name) !== null);
  const bundles = await Promise.all(known.map((name) => getPackageBundle(findExternalPackage(name)!, options)));
  return {
    code: wrapBundle(bundleText, new Map(known.map((name, index) => [name, bundles[index]!.code]))),
    packages: known.map((requiredAs, index) => describePackage(requiredAs, bundles[index]!)),
  };
}

function describePackage(requiredAs: string, { name, version }: PackageBundle) {
  return { requiredAs, name, version };
}

/** By their text; strings and comments may look like calls, which does no harm as long as the platform provides the name. */
function findRequiredNames(bundleText: string): string[] {
  const names = new Set<string>();
  for (const match of bundleText.matchAll(requireCall)) names.add((match[1] ?? match[2])!);
  return [...names];
}

/** Reads the bundle as a program before it refuses anything, for text that only looks like a call proves nothing. */
async function refuseUnknown(bundleText: string, candidates: readonly string[]): Promise<void> {
  const { parseAst } = await import('rolldown/parseAst');
  let program: unknown;
  try {
    program = parseAst(bundleText, { sourceType: 'script' });
  } catch {
    // It does not parse: evaluating it gives the better error.
    return;
  }
  const required = new Set<string>();
  collectRequires(program, false, required);
  const missing = candidates.filter((name) => required.has(name));
  if (missing.length === 0) return;
  throw new TackleError(
    'deploy_failed',
    `The bundle requires ${missing.map((name) => `"${name}"`).join(', ')}, which is neither in it nor provided here. ` +
      `Provided are: ${Object.keys(externalPackages).sort().join(', ')}. Bundle the package, or deploy with Tackle's own command line.`,
    { details: { missing } },
  );
}

/** Calls of `require` with a literal name. Within `try` they are optional: their author expects them to fail. */
function collectRequires(node: unknown, isOptional: boolean, names: Set<string>): void {
  if (Array.isArray(node)) {
    for (const item of node) collectRequires(item, isOptional, names);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const { type, callee, arguments: args } = node as { type?: string; callee?: AstName; arguments?: AstName[] };
  if (type === 'CallExpression' && callee?.type === 'Identifier' && callee.name === 'require' && !isOptional) {
    const name = args?.[0]?.value;
    if (typeof name === 'string') names.add(name);
  }
  const optional = isOptional || type === 'TryStatement';
  for (const child of Object.values(node)) collectRequires(child, optional, names);
}

interface AstName {
  readonly type?: string;
  readonly name?: string;
  readonly value?: unknown;
}

/** The helpers stand behind the bundle: function declarations are in force from the beginning of their scope. */
function wrapBundle(bundleText: string, packages: ReadonlyMap<string, string>): string {
  const factories = [...packages].map(
    ([name, code]) => `${JSON.stringify(name)}:function(module,exports,require){${code}\n}`,
  );
  return `globalThis.__tackleExports=(()=>{const require=__tackleRequire;const module={exports:{}};const exports=module.exports;${bundleText}
;return typeof EntryPoint==="undefined"?module.exports:EntryPoint;
function __tackleRequire(name){
const loaded=__tackleRequire.loaded??=new Map();
const known=loaded.get(name);if(known)return known.exports;
const factory=__tacklePackages(name);if(!factory)return globalThis.require(name);
const module={exports:{}};loaded.set(name,module);
try{factory(module,module.exports,__tackleRequire)}catch(error){loaded.delete(name);throw error}
return module.exports}
function __tacklePackages(name){const all={__proto__:null,${factories.join(',\n')}};return all[name]}
})();
`;
}
