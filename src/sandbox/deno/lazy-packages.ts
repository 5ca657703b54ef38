import type { Plugin } from 'rolldown';

/**
 * Packages that the runtime loads with `import()` and few apps need. In one file their functions would be compiled with the
 * rest at every start (measured for ajv: 5 MB of resident memory in each process), so they are in it as text, evaluated when
 * they are first imported. All of them share one text, because they share classes.
 */
const packages = ['ajv', 'ajv-formats'];

const textModule = 'virtual:lazy-packages';
const textEntry = 'virtual:lazy-packages-entry';

export function lazyPackages(): Plugin {
  return {
    name: 'lazy-packages',
    resolveId: (id) => (packages.includes(id) || id === textModule ? `\0lazy:${id}` : null),
    async load(id) {
      if (!id.startsWith('\0lazy:')) return null;
      const name = id.slice('\0lazy:'.length);
      if (name !== textModule)
        return `module.exports = require(${JSON.stringify(textModule)})[${JSON.stringify(name)}];`;
      return `
        const { compileFunction } = require('node:vm');
        const module_ = { exports: {} };
        compileFunction(${JSON.stringify(await bundlePackages())}, ['module', 'exports'])(module_, module_.exports);
        module.exports = module_.exports;`;
    },
  };
}

async function bundlePackages(): Promise<string> {
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({
    input: textEntry,
    platform: 'node',
    plugins: [
      {
        name: 'lazy-packages-entry',
        // The packages are those of the product, wherever the bundler thinks that it stands.
        resolveId: (id, importer) =>
          id === textEntry
            ? id
            : importer === textEntry
              ? { id: import.meta.resolve(id).slice('file://'.length) }
              : null,
        load: (id) =>
          id === textEntry
            ? packages.map((name) => `exports[${JSON.stringify(name)}] = require(${JSON.stringify(name)});`).join('\n')
            : null,
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'cjs', codeSplitting: false, minify: true });
  await bundle.close();
  return output[0].code;
}
