// Everything that continuous integration checks, in one command. Plain JavaScript: `npm test` may start it on an older
// Node than the tests themselves run on.
//
//   npm test                     types, lint, unused code, all tests
//   npm test -- src/cli test/x   only the tests below these paths
//   npm test -- --only types     only one part: types, lint, unused, tests (repeatable)
//   npm run test:long            also the long modes (TACKLE_LONG=1) and *.long.ts
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binaries = join(root, 'node_modules', '.bin');
const node = existsSync(join(binaries, 'node')) ? join(binaries, 'node') : process.execPath;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
});

/** Static checks: each is one process, and they run side by side. */
const checks = [
  { name: 'types', command: 'tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'lint', command: 'biome', args: ['check', '--error-on-warnings', '.'] },
  { name: 'unused', command: 'knip', args: ['--no-progress'] },
];

/** Tests beside the source are independent; those below test/ start whole gateways and measure, so fewer run at once. */
const testGroups = [
  { name: 'tests beside the source', directories: ['src', 'packages', 'scripts'], concurrency: availableParallelism() },
  {
    name: 'end-to-end tests and examples',
    directories: ['test', 'examples'],
    concurrency: Math.max(1, Math.floor(availableParallelism() / 2)),
  },
];

const env = {
  ...process.env,
  PATH: `${binaries}:${process.env.PATH}`,
  ...(options.long ? { TACKLE_LONG: '1' } : {}),
};

/** @returns {Promise<{status: number, output: string, seconds: number}>} */
function run(command, args, stdio) {
  const startedAt = performance.now();
  return new Promise((resolveRun, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', stdio, stdio] });
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = (performance.now() - startedAt) / 1000;
      resolveRun({ status: code ?? 1, output: Buffer.concat(chunks).toString(), seconds });
    });
  });
}

async function runCheck({ name, command, args }) {
  const { status, output, seconds } = await run(join(binaries, command), args, 'pipe');
  if (status !== 0) process.stdout.write(`\n${output.trimEnd()}\n`);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`);
  return status === 0;
}

function listTestFiles(directory) {
  if (!existsSync(directory)) return [];
  const suffixes = options.long ? ['.test.ts', '.long.ts'] : ['.test.ts'];
  if (statSync(directory).isFile()) return [directory];
  return readdirSync(directory, { recursive: true })
    .filter((path) => suffixes.some((suffix) => path.endsWith(suffix)))
    .map((path) => join(directory, path))
    .filter((path) => !/(^|\/)(node_modules|fixtures)\//.test(relative(root, path)))
    .sort();
}

function isChosen(file) {
  return positionals.length === 0 || positionals.some((path) => `${file}/`.startsWith(resolve(root, path)));
}

async function runTestGroup({ name, directories, concurrency }) {
  const files = directories.flatMap((directory) => listTestFiles(join(root, directory))).filter(isChosen);
  if (files.length === 0) return true;
  console.log(`\n${name}: ${files.length} files, ${concurrency} at a time`);
  const args = ['--test', `--test-concurrency=${concurrency}`, '--disable-warning=ExperimentalWarning'];
  args.push(`--test-reporter=${join(root, 'scripts', 'test-reporter.mjs')}`, '--test-reporter-destination=stdout');
  const { status } = await run(node, [...args, ...files.map((file) => relative(root, file))], 'inherit');
  return status === 0;
}

function isWanted(part) {
  if (options.only !== undefined) return options.only.includes(part);
  return part === 'tests' || positionals.length === 0;
}

// `npm test` has done this before; `npm run test:long` and a direct call have not, and it costs nothing twice.
const installed = spawnSync(process.execPath, [join(root, 'scripts/ensure-installed.mjs'), '--for-tests'], {
  stdio: 'inherit',
});
if (installed.status !== 0) process.exit(1);

const startedAt = performance.now();
const results = await Promise.all(checks.filter(({ name }) => isWanted(name)).map(runCheck));
if (isWanted('tests')) for (const group of testGroups) results.push(await runTestGroup(group));
const failed = results.filter((ok) => !ok).length;
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
console.log(
  failed === 0 ? `\nAll passed in ${seconds} s.` : `\n${failed} of ${results.length} parts failed (${seconds} s).`,
);
process.exitCode = failed === 0 ? 0 : 1;
