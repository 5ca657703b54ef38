// Memory of the gateway while a large file is uploaded and downloaded, in turns with its memory at rest.
// node bench/transfers.mjs [megabytes]
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buildApp } from '../src/apps/build/index.ts';
import { startGateway } from './lib/gateway.mjs';
import { printTable } from './lib/table.mjs';
import { cpuSeconds, residentBytes } from './lib/wrk.mjs';

const megabytes = Number(process.argv[2] ?? 1_000);
const chunk = Buffer.alloc(1_000_000, 'x');

const gateway = await startGateway();
// Also when something fails on the way, nothing is left running.
process.once('exit', () => process.kill(gateway.pid));
const project = await gateway.api('POST', '/projects', { name: 'transfers' });
const path = `/projects/${project.id}/spaces/dev`;
const { code } = await buildApp({ dir: join(import.meta.dirname, 'apps/static') });
await gateway.api('POST', `${path}/deployments`, { bundle: code, kind: 'tackle' });
const authorization = `Bearer ${(await readFile(join(gateway.home, 'admin.token'), 'utf8')).trim()}`;
// At rest: a moment after the start, which leaves garbage behind.
await new Promise((resolve) => setTimeout(resolve, 5_000));

const rows = [{ what: 'at rest', 'peak MB': Math.round(residentBytes(gateway.pid) / 1e6) }];
await measure('upload', upload);
await measure('download', download);
printTable(`A file of ${megabytes} MB`, rows);
process.removeAllListeners('exit');
await gateway.stop();

async function measure(what, transfer) {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes(gateway.pid));
  }, 20);
  const startedAt = performance.now();
  const cpuBefore = cpuSeconds([gateway.pid]);
  const bytes = await transfer();
  clearInterval(timer);
  if (bytes !== megabytes * chunk.length) throw new Error(`${what}: ${bytes} bytes`);
  const seconds = (performance.now() - startedAt) / 1000;
  rows.push({
    what,
    'peak MB': Math.round(peak / 1e6),
    'MB per second': Math.round(megabytes / seconds),
    'CPU s': (cpuSeconds([gateway.pid]) - cpuBefore).toFixed(1),
  });
}

async function upload() {
  const sent = request(`${gateway.url}/api/v1${path}/files/content?path=/stored/large.mp4`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/octet-stream' },
  });
  const answered = new Promise((resolve, reject) => sent.once('response', resolve).once('error', reject));
  await pipeline(
    Readable.from(
      (function* () {
        for (let number = 0; number < megabytes; number += 1) yield chunk;
      })(),
    ),
    sent,
  );
  const response = await answered;
  response.resume();
  if (response.statusCode >= 300) throw new Error(`The upload was answered with ${response.statusCode}`);
  return megabytes * chunk.length;
}

async function download() {
  const response = await new Promise((resolve, reject) => {
    request(`${gateway.url}/p/${project.id}/dev/stored/large.mp4`)
      .once('response', resolve)
      .once('error', reject)
      .end();
  });
  let bytes = 0;
  for await (const part of response) bytes += part.length;
  return bytes;
}
