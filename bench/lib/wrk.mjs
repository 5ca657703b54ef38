import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export function requireWrk() {
  if (spawnSync('wrk', ['--version']).error === undefined) return;
  console.error('wrk is missing. On Debian: apt-get install wrk');
  process.exit(1);
}

/**
 * One run of wrk with one thread. `pids`: processes whose CPU time is charged to the requests (their children too).
 * Answers `{perSecond, p50Ms, p99Ms, cpuMicros, errors}`.
 */
export async function load(
  url,
  { seconds = 5, connections = 50, method = 'GET', body = '', headers = {}, pids = [] } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-wrk-'));
  const script = join(directory, 'wrk.lua');
  const headerLines = Object.entries(headers).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`);
  await writeFile(
    script,
    `wrk.method = "${method}"\nwrk.body = ${JSON.stringify(body)}\n${headerLines.join('\n')}\n` +
      'done = function(s, l, r) io.write(string.format("RESULT %d %d %d %d %d\\n", s.requests, s.duration, l:percentile(50), l:percentile(99), s.errors.status + s.errors.connect + s.errors.read + s.errors.timeout)) end\n',
  );
  const before = cpuSeconds(pids);
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}`, '-s', script, url]);
  const used = cpuSeconds(pids) - before;
  await rm(directory, { recursive: true });
  const [requests, micros, p50, p99, errors] = /RESULT (.*)/.exec(stdout)[1].split(' ').map(Number);
  return {
    perSecond: Math.round((requests * 1e6) / micros),
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    cpuMicros: Math.round((used * 1e6) / Math.max(1, requests)),
    errors,
  };
}

/** User and system time of the processes and all their descendants, in seconds. */
export function cpuSeconds(pids) {
  const all = new Set(pids);
  const parents = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(entry);
    if (stat !== null) parents.set(Number(entry), stat);
  }
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, stat] of parents) {
      if (!all.has(pid) && all.has(stat.parent)) {
        all.add(pid);
        grew = true;
      }
    }
  }
  let ticks = 0;
  for (const pid of all) ticks += parents.get(pid)?.ticks ?? 0;
  return ticks / 100;
}

function readStat(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null;
  }
}

/** Resident bytes of a process. */
export function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}
