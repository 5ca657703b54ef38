/** Specifiers that hooks import from products which are not installed here; all lead to the same helpers. */

export const virtualScheme = 'tackle-hooks:';

const exactNames = new Set([
  'openclaw',
  'openclaw/hooks',
  'openclaw/plugin-sdk',
  'openclaw/dist/hooks/hooks.js',
  'clawdbot',
  'clawdbot/hooks',
  'clawdbot/plugin-sdk',
  'moltbot',
  'moltbot/hooks',
  'moltbot/plugin-sdk',
  '@openclaw/types',
]);

const sourceTail = /(?:^|\/)src\/hooks\/(?:hooks|internal-hooks|types)\.(?:js|ts)$/;

/** Packages that a hook may import although they are nowhere on disk. */
export function isVirtualPackage(specifier: string): boolean {
  return exactNames.has(specifier) || /^(?:openclaw|clawdbot|moltbot)\/plugin-sdk\//.test(specifier);
}

/** A path into the original's own sources, which only types come from. */
export function isVirtualSourcePath(specifier: string): boolean {
  return /^\.{1,2}\//.test(specifier) && sourceTail.test(specifier);
}

export function getVirtualUrl(specifier: string, generation: number): string {
  return `${virtualScheme}${encodeURIComponent(specifier)}?g=${generation}`;
}

export const helpersSymbolKey = 'tackle.hookHelpers';

/** Source of the ES module for a specifier, with further names that importers asked for. */
export function renderVirtualModule(
  specifier: string,
  helperNames: readonly string[],
  extraNames: readonly string[],
): string {
  const lines = [`const helpers = globalThis[Symbol.for(${JSON.stringify(helpersSymbolKey)})];`];
  for (const name of helperNames) lines.push(`export const ${name} = helpers.${name};`);
  const known = new Set([...helperNames, 'default']);
  for (const name of extraNames) {
    if (known.has(name) || !/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) continue;
    lines.push(
      `export const ${name} = helpers.createUnknownExport(${JSON.stringify(name)}, ${JSON.stringify(specifier)});`,
    );
  }
  lines.push('export default helpers;');
  return lines.join('\n');
}

/** The same for `require`. */
export function renderVirtualCommonJs(specifier: string): string {
  const key = JSON.stringify(helpersSymbolKey);
  return `module.exports = globalThis[Symbol.for(${key})].createRequireView(${JSON.stringify(specifier)});`;
}
