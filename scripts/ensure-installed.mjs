// Installs what is missing before `npm start` and `npm test`, and does nothing (in a few milliseconds) when all is there.
// Plain JavaScript without dependencies: it runs on whatever Node ≥ 20 the machine has, before anything is installed.
//
//   node scripts/ensure-installed.mjs              npm dependencies as package-lock.json names them
//   node scripts/ensure-installed.mjs --for-tests  also the Debian packages that some tests need
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Programs that tests start, with the Debian package that brings each and what is lost without it. */
const testPrograms = [
  { program: 'strace', debianPackage: 'strace', neededFor: 'the tests that watch fdatasync happen before an answer' },
  { program: 'unshare', debianPackage: 'util-linux', neededFor: 'the tests on a full disk and a read-only mount' },
  { program: 'chromium', debianPackage: 'chromium', neededFor: 'the tests of pages in a browser' },
  { program: 'curl', debianPackage: 'curl', neededFor: "the test that runs the README's commands" },
  { program: 'openssl', debianPackage: 'openssl', neededFor: "the test that runs the README's commands" },
];

/**
 * Compares package-lock.json with what npm noted down about node_modules.
 * @param {string} directory the checkout
 * @returns {{state: 'complete'} | {state: 'absent'} | {state: 'different', packages: string[]}}
 */
export function checkInstalled(directory) {
  const installed = readJson(join(directory, 'node_modules', '.package-lock.json'));
  if (installed === null) return { state: 'absent' };
  const wanted = readJson(join(directory, 'package-lock.json'));
  if (wanted === null) return { state: 'complete' };
  const packages = [];
  for (const [path, entry] of Object.entries(wanted.packages)) {
    const found = installed.packages[path];
    if (!path.startsWith('node_modules/') || (found === undefined && entry.optional && !isForThisMachine(entry)))
      continue;
    const same = found !== undefined && found.version === entry.version && found.integrity === entry.integrity;
    if (!same || !existsSync(join(directory, path))) packages.push(path.slice('node_modules/'.length));
  }
  return packages.length === 0 ? { state: 'complete' } : { state: 'different', packages };
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw new Error(`${path} cannot be read: ${error.message}`);
  }
}

/** Optional packages without `os` and `cpu` come only with others that have them, so they are never asked for alone. */
function isForThisMachine(entry) {
  if (entry.os === undefined && entry.cpu === undefined) return false;
  if (!allows(entry.os, process.platform) || !allows(entry.cpu, process.arch)) return false;
  return entry.libc === undefined || process.platform !== 'linux' || allows(entry.libc, getLibc());
}

/** npm's `os`, `cpu` and `libc` fields: names, or names with `!` that exclude. */
function allows(list, value) {
  if (list === undefined) return true;
  const names = Array.isArray(list) ? list : [list];
  const included = names.filter((name) => !name.startsWith('!'));
  return (
    !names.includes(`!${value}`) && (included.length === 0 || included.includes(value) || included.includes('any'))
  );
}

let libc;
function getLibc() {
  // The usual question, process.report, takes 40 ms: too long for every start.
  libc ??= existsSync('/etc/alpine-release') || existsSync(`/lib/ld-musl-${machineName()}.so.1`) ? 'musl' : 'glibc';
  return libc;
}

function machineName() {
  return process.arch === 'arm64' ? 'aarch64' : 'x86_64';
}

function runNpm(args) {
  const npmCli = process.env.npm_execpath;
  const ranByNpm = npmCli?.endsWith('npm-cli.js') && existsSync(npmCli);
  const [command, commandArgs] = ranByNpm ? [process.execPath, [npmCli, ...args]] : ['npm', args];
  const result = spawnSync(command, commandArgs, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.error?.code === 'ENOENT')
    fail('npm was not found on the PATH. Install Node.js 20 or newer together with npm.');
  if (result.status !== 0) fail(`npm ${args[0]} failed (see above). Check the network and try again.`);
}

function ensureDependencies() {
  const check = checkInstalled(root);
  if (check.state === 'complete') return;
  if (check.state === 'absent') console.error('tackle: installing dependencies (the first time only)…');
  else {
    const names = check.packages.slice(0, 3).join(', ') + (check.packages.length > 3 ? ', …' : '');
    console.error(
      `tackle: ${check.packages.length} dependencies differ from package-lock.json (${names}); installing…`,
    );
  }
  // Not `npm ci`: it would delete node_modules under a gateway that runs from this checkout, and it refuses a lock file
  // in which optional packages of some other platform are missing. Versions and checksums are those of the lock file
  // either way, and --no-save leaves it as it is.
  runNpm(['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  const after = checkInstalled(root);
  if (after.state === 'complete') return prebuildRuntime();
  const rest = after.state === 'different' ? after.packages.join(', ') : 'node_modules';
  fail(`npm finished, but these are still missing: ${rest}. Delete node_modules and run 'npm install' to see why.`);
}

/** Spares the first start of a gateway a second. Should it fail, that start does it and tells why. */
function prebuildRuntime() {
  const node = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(node)) spawnSync(node, [join(root, 'scripts', 'build-runtime.mjs')], { cwd: root, stdio: 'ignore' });
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function ensureTestPrograms() {
  if (process.platform !== 'linux') return;
  const missing = testPrograms.filter(({ program }) => !isOnPath(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))];
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    console.error(`tackle: installing ${packages.join(', ')} for the tests…`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () => spawnSync('apt-get', ['install', '-y', '-qq', ...packages], { env, stdio: ['ignore', 2, 2] });
    if (install().status === 0) return;
    spawnSync('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 2, 2] });
    if (install().status === 0) return;
  }
  for (const { program, neededFor } of missing)
    console.error(`tackle: ${program} is missing: ${neededFor} cannot run.`);
  console.error(`tackle: install with 'sudo apt-get install ${packages.join(' ')}' or your system's package manager.`);
}

function fail(message) {
  console.error(`tackle: ${message}`);
  process.exit(1);
}

function isProgram() {
  return process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href;
}

if (isProgram()) {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    fail(`Node.js ${process.versions.node} is too old to install with: 20 or newer is needed.`);
  }
  ensureDependencies();
  if (process.argv.includes('--for-tests')) ensureTestPrograms();
}
