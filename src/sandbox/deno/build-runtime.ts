import { createHash, type Hash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where `scripts/build-runtime.mjs` leaves the runtime when dependencies are installed. */
const prebuiltDirectory = fileURLToPath(new URL('../../../node_modules/.cache/tackle/', import.meta.url));
const runtimeDirectory = fileURLToPath(new URL('../runtime/', import.meta.url));
const coreDirectory = fileURLToPath(new URL('../../core/', import.meta.url));

export interface BuildRuntimeOptions {
  /** Module that exports `abi: AbiFactory`; the product's own unless a test brings another. */
  readonly abiModule?: string;
}

/**
 * The runtime of the sandbox process as one JavaScript file in `cacheDir`, named by the hash of its sources: built when it
 * is not there, else only looked up. Returns the path. Safe to call from several processes at once.
 */
export async function buildRuntime(cacheDir: string, options: BuildRuntimeOptions = {}): Promise<string> {
  const abiModule = options.abiModule ?? path.join(runtimeDirectory, 'abi', 'index.ts');
  const name = `sandbox-runtime-${await hashSources(abiModule)}.js`;
  for (const directory of [prebuiltDirectory, cacheDir]) {
    const candidate = path.join(directory, name);
    if (await exists(candidate)) return candidate;
  }
  const file = path.join(cacheDir, name);
  const code = await bundleRuntime(abiModule);
  await mkdir(cacheDir, { recursive: true });
  const partial = `${file}.${process.pid}.${performance.now()}.partial`;
  await writeFile(partial, code);
  await rename(partial, file);
  return file;
}

/** Builds the runtime where every later start looks first. */
export function prebuildRuntime(): Promise<string> {
  return buildRuntime(prebuiltDirectory);
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/**
 * The module that a process starts with; its arguments are the control socket and the runtime. The runtime is not a module
 * itself because Deno analyses modules at every start: 5 MB and 50 ms for one of that size.
 */
export const loaderCode = `import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
const require = createRequire('file:///app/app.js');
const exports = {};
compileFunction(Deno.readTextFileSync(Deno.args[1]), ['require', 'exports'], { filename: 'sandbox-runtime.js' })(require, exports);
await exports.finished;
`;

async function bundleRuntime(abiModule: string): Promise<string> {
  const [{ rolldown }, { lazyPackages }] = await Promise.all([import('rolldown'), import('./lazy-packages.ts')]);
  const entry = 'virtual:sandbox-entry';
  const main = path.join(runtimeDirectory, 'main.ts');
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    external: /^node:/,
    plugins: [
      lazyPackages(),
      {
        name: 'sandbox-entry',
        resolveId: (id: string) => (id === entry ? id : null),
        load: (id: string) =>
          id === entry
            ? `import { abi } from ${JSON.stringify(abiModule)};\nimport { run } from ${JSON.stringify(main)};\nexport const finished = run(abi);\n`
            : null,
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'cjs', codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

/** Everything that the runtime may be built from: its own folder, what it shares with the gateway, and the ABI of a test. */
async function hashSources(abiModule: string): Promise<string> {
  const hash = createHash('sha256');
  await hashDirectory(hash, runtimeDirectory);
  await hashDirectory(hash, coreDirectory);
  // Versions of packages are exact there, so it stands for what is bundled of them.
  hash.update(await readFile(path.join(coreDirectory, '../../package.json')));
  const self = fileURLToPath(import.meta.url);
  hash.update(await readFile(self));
  hash.update(await readFile(path.join(path.dirname(self), `lazy-packages${path.extname(self)}`)));
  if (!abiModule.startsWith(runtimeDirectory)) hash.update(await readFile(abiModule));
  hash.update(abiModule.startsWith(runtimeDirectory) ? path.relative(runtimeDirectory, abiModule) : abiModule);
  return hash.digest('hex').slice(0, 16);
}

async function hashDirectory(hash: Hash, directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => entry.isFile() && isSource(entry.name));
  const contents = await Promise.all(files.map((entry) => readFile(path.join(directory, entry.name))));
  files.forEach((entry, index) => {
    hash.update(entry.name);
    hash.update(contents[index]!);
  });
  for (const entry of entries) if (entry.isDirectory()) await hashDirectory(hash, path.join(directory, entry.name));
}

function isSource(name: string): boolean {
  return /\.(ts|js|json)$/.test(name) && !name.endsWith('.test.ts');
}
