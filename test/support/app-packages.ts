/**
 * Apps of test/fixtures/strangers as somebody has them who ran `npm install`: copied below a directory with the packages that
 * they list. The packages are installed once per version of the list and stay in the temporary directory.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const fixtures = path.resolve(import.meta.dirname, '../fixtures/strangers');

/** Answers the directory of the app. The place is always the same, so that its bundle can be kept. */
export async function installApp(name: string): Promise<string> {
  const directory = path.join(await preparePackages(), 'apps', name);
  await rm(directory, { recursive: true, force: true });
  await cp(path.join(fixtures, name), directory, { recursive: true });
  return directory;
}

let packages: Promise<string> | null = null;

function preparePackages(): Promise<string> {
  packages ??= installPackages();
  return packages;
}

async function installPackages(): Promise<string> {
  const dependencies = await collectDependencies();
  const text = JSON.stringify({ private: true, dependencies }, null, 2);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const directory = path.join(tmpdir(), `tackle-app-packages-${hash}`);
  if ((await stat(directory).catch(() => null)) !== null) return directory;
  const partial = `${directory}.${process.pid}.partial`;
  await mkdir(partial, { recursive: true });
  await writeFile(path.join(partial, 'package.json'), text);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  const npm = spawn('npm', args, { cwd: partial, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  npm.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const [code] = await once(npm, 'close');
  if (code !== 0) throw new Error(`npm install of the packages of test apps failed:\n${errors}`);
  // Another test file may have been faster.
  await rename(partial, directory).catch(() => rm(partial, { recursive: true, force: true }));
  return directory;
}

async function collectDependencies(): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const app of (await readdir(fixtures)).sort()) {
    const text = await readFile(path.join(fixtures, app, 'package.json'), 'utf8');
    const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
    for (const [name, version] of Object.entries(dependencies)) {
      if (name === 'codehooks-js') continue;
      if (all[name] !== undefined && all[name] !== version) throw new Error(`two versions of ${name} in test apps`);
      all[name] = version;
    }
  }
  return all;
}
