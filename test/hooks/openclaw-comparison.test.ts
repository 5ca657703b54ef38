/**
 * `hooks list --json` beside a real OpenClaw 2026.9 on the same home. It is too large to install for every run: set
 * TACKLE_OPENCLAW to its openclaw.mjs to run this.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { buildHookCatalog } from '../../src/hooks/catalog.ts';
import { loadHookConfig } from '../../src/hooks/config/hook-config.ts';
import { createListReport } from '../../src/hooks/reports.ts';
import { createTestHome, pushes } from './support.ts';

const openclaw = process.env.TACKLE_OPENCLAW;

/** Descriptions of bundled hooks are our own words. */
const ownMembers = new Set(['description', 'notLoaded', 'shadowedBy']);

test('both list the same hooks in the same order with the same state', { skip: openclaw === undefined }, async (t) => {
  const home = createTestHome(t);
  const handler = pushes('x');
  home.hook('plain', { handler }, 'hooks');
  home.hook('needs', { metadata: { requires: { bins: ['no-such-bin'], env: ['FROM_ENTRY'] } }, handler }, 'hooks');
  home.hook('system', { metadata: { os: ['sunos'], always: true }, handler }, 'hooks');
  home.hook('unknown', { events: ['message:send'], handler }, 'hooks');
  home.hook('silent', { md: '---\nname: silent\nevents: [command]\n---\n', handler }, 'hooks');
  home.hook('broken', { md: '---\nname: broken\nmetadata: {"openclaw": {\n---\n', handler }, 'hooks');
  home.hook('old', { md: '---\nname: old\nmetadata: {"clawdbot":{"events":["command"]}}\n---\n', handler }, 'hooks');
  home.hook('off', { handler });
  home.hook('on', { handler });
  home.hook('plain', { handler });
  home.hook('extra', { metadata: { always: true, requires: { bins: ['no-such-bin'] } }, handler }, '../more');
  home.write(
    '.openclaw/included.json5',
    '{ hooks: { internal: { entries: { needs: { env: { FROM_ENTRY: "x" } } } } } }',
  );
  const entries = { on: { enabled: true }, 'command-logger': { enabled: false } };
  const internal = { enabled: true, entries, load: { extraDirs: ['~/more'] } };
  home.config({ $include: './included.json5', hooks: { internal } });
  const env = { PATH: process.env.PATH, HOME: home.home };
  const output = execFileSync(process.execPath, [String(openclaw), 'hooks', 'list', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const theirs = JSON.parse(output.toString()) as { hooks: Record<string, unknown>[] };
  const catalog = await buildHookCatalog(loadHookConfig({ env, profile: 'current' }), { env });
  const ours = JSON.parse(JSON.stringify(createListReport(catalog))) as typeof theirs;
  const strip = (list: typeof theirs) => ({
    ...list,
    hooks: list.hooks.map((hook) => Object.fromEntries(Object.entries(hook).filter(([key]) => !ownMembers.has(key)))),
  });
  assert.deepEqual(strip(ours), strip(theirs));
});
