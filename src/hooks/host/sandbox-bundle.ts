/** Bundles a sandboxed hook with the small program that serves it inside Deno. */
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { isVirtualPackage, isVirtualSourcePath } from './virtual-modules.ts';

const extension = path.extname(import.meta.filename);
const sandboxMain = path.join(import.meta.dirname, `sandbox-main${extension}`);
const entryId = 'tackle:sandbox-entry';
const stubId = 'tackle:type-stub';

/** Packages that exist only as types resolve to an object that answers every name with a throwing function. */
function createStubPlugin(handlerPath: string): Plugin {
  return {
    name: 'tackle-sandbox',
    resolveId(specifier) {
      if (specifier === entryId) return entryId;
      // Inside the sandbox built-in modules have only their prefixed names.
      if (isBuiltin(specifier)) return { id: `node:${specifier.replace(/^node:/, '')}`, external: true };
      if (isVirtualPackage(specifier) || isVirtualSourcePath(specifier)) return stubId;
      return null;
    },
    load(id) {
      if (id === entryId) {
        return `import * as module from ${JSON.stringify(handlerPath)};\nimport { serveSandbox } from ${JSON.stringify(sandboxMain)};\nawait serveSandbox(module);`;
      }
      if (id === stubId)
        return 'module.exports = new Proxy({}, { get: (_, key) => key === "__esModule" ? true : () => { throw new Error(String(key) + " exists only as a type"); } });';
      return null;
    },
  };
}

/** Writes one ES module and returns its path. Rejects with the bundler's message. */
export async function bundleForSandbox(handlerPath: string, outFile: string): Promise<string> {
  const build = await rolldown({
    input: entryId,
    platform: 'node',
    logLevel: 'silent',
    plugins: [createStubPlugin(handlerPath)],
    resolve: {
      extensionAlias: { '.js': ['.js', '.ts'], '.mjs': ['.mjs', '.mts'] },
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  });
  try {
    await build.write({ file: outFile, format: 'esm', codeSplitting: false });
  } finally {
    await build.close();
  }
  return outFile;
}
