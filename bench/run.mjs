// Every benchmark, one after another, on a machine that should have nothing else to do: npm run bench [-- name ...]
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const all = [
  'http',
  'neighbours',
  'static',
  'storage',
  'sandbox',
  'deploy',
  'hooks',
  'durable',
  'durable-scale',
  'peers',
];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. There are: ${all.join(', ')}`);
  process.exit(1);
}
const failed = [];
for (const name of wanted.length > 0 ? wanted : all) {
  console.log(`\n# bench/${name}.mjs`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.mjs`)], { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}`);
  process.exit(1);
}
