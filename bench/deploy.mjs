// How long a deploy takes, by parts, and what an app costs at rest.
// node bench/deploy.mjs [rounds]
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildApp } from '../src/apps/build/index.ts';
import { buildOriginalBundle } from '../test/support/original-bundle.ts';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 7);
const root = join(import.meta.dirname, '..');
const apps = join(import.meta.dirname, 'apps');
const run = promisify(execFile);

const gateway = await startGateway();
const rows = [
  await measureCommand('small', { wantedMs: 400 }),
  await measureUpload('small, ours', await ours('small'), { wantedMs: 60, wantedMb: 40 }),
  await measureUpload('medium, ours', await ours('medium'), { wantedMs: 60 }),
  await measureUpload('original library', await original('original'), { wantedMs: 250, wantedMb: 90 }),
];
printTable('Deploys', rows);
await gateway.stop();

async function ours(name) {
  const { code, sourceMap } = await buildApp({ dir: join(apps, name) });
  return { bundle: code, sourceMap, kind: 'tackle' };
}

async function original(name) {
  return { bundle: await buildOriginalBundle(join(apps, name)), kind: 'original' };
}

/** `tackle deploy` as users type it, until the app has answered. */
async function measureCommand(name, { wantedMs }) {
  const project = await gateway.api('POST', '/projects', { name: `command-${name}` });
  const times = [];
  const command = [];
  for (let round = 0; round < rounds; round += 1) {
    await spareIsReady();
    const startedAt = performance.now();
    await run(join(root, 'bin/tackle'), ['deploy', '--home', gateway.home, '--project', project.id], {
      cwd: join(apps, name),
    });
    command.push(performance.now() - startedAt);
    await askHello(project);
    times.push(performance.now() - startedAt);
  }
  return {
    what: `tackle deploy of a small app, to its first answer (the command alone: ${median(command).toFixed(0)} ms)`,
    'median ms': median(times).toFixed(0),
    'best ms': Math.min(...times).toFixed(0),
    'wanted ms': `<= ${wantedMs}`,
  };
}

/** From the upload to the answer that it is live; then what its process takes. */
async function measureUpload(what, body, { wantedMs, wantedMb }) {
  const project = await gateway.api('POST', '/projects', {
    name: `upload-${what.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`,
  });
  const times = [];
  let resident = 0;
  let own = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const [spare] = await spareIsReady();
    const startedAt = performance.now();
    await gateway.api('POST', `/projects/${project.id}/spaces/dev/deployments`, body);
    // The first one fills caches that every later deploy finds.
    if (round > 0) times.push(performance.now() - startedAt);
    await askHello(project);
    ({ resident, own } = measureMemory(spare));
  }
  return {
    what: `upload to live: ${what}, ${(body.bundle.length / 1000).toFixed(0)} kB`,
    'median ms': median(times).toFixed(0),
    'best ms': Math.min(...times).toFixed(0),
    'wanted ms': `<= ${wantedMs}`,
    'own MB': (own / 1e6).toFixed(0),
    'resident MB': (resident / 1e6).toFixed(0),
    'wanted MB': wantedMb === undefined ? '' : `<= ${wantedMb}`,
  };
}

async function askHello(project) {
  const answer = await fetch(`${gateway.url}/p/${project.id}/dev/hello`);
  if (!answer.ok) throw new Error(`/hello answered ${answer.status}`);
  await answer.text();
}

/** Waits for a process that no deploy has used yet, as there is one between two deploys of a person. */
async function spareIsReady() {
  for (;;) {
    const before = listSandboxes();
    await new Promise((resolve) => setTimeout(resolve, 400));
    const after = listSandboxes();
    const young = after.filter((pid) => before.includes(pid)).toSorted((a, b) => startOf(b) - startOf(a));
    if (young.length > 0 && after.every((pid) => before.includes(pid))) return young;
  }
}

/** Processes below the gateway that run the sandbox's binary. */
function listSandboxes() {
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const isBelow = (pid) => {
    for (let parent = parents.get(pid); parent > 1; parent = parents.get(parent))
      if (parent === gateway.pid) return true;
    return false;
  };
  return [...parents.keys()].filter((pid) => {
    try {
      return isBelow(pid) && readlinkSync(`/proc/${pid}/exe`).endsWith('/deno');
    } catch {
      return false;
    }
  });
}

function startOf(pid) {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[19]);
}

/** `own` is what this process alone takes, with its share of the binary's pages that all of them use (Pss). */
function measureMemory(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const read = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)[1]) * 1024;
  return { resident: read('Rss'), own: read('Pss') };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
