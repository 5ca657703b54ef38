/** Precedence, selection and eligibility as tables; pure, nothing faked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeEligibility, isConfigPathTruthy } from './hook-eligibility.ts';
import { emptyRequirements } from './hook-metadata.ts';
import {
  computeSelection,
  explainPolicy,
  explainSelection,
  type HookRootKind,
  resolvePrecedence,
} from './hook-selection.ts';

const make = (rootKind: HookRootKind, name = 'dup') => ({ rootKind, name, hookKey: name });
const winnerOf = (kinds: HookRootKind[], profile: 'seed' | 'current') =>
  resolvePrecedence(
    kinds.map((kind) => make(kind)),
    profile,
  ).hooks[0]?.rootKind;

test('T16 seed: workspace beats managed beats bundled beats extra directories', () => {
  assert.equal(winnerOf(['extra', 'bundled', 'managed', 'workspace'], 'seed'), 'workspace');
  assert.equal(winnerOf(['extra', 'bundled', 'managed'], 'seed'), 'managed');
  assert.equal(winnerOf(['extra', 'bundled'], 'seed'), 'bundled');
  assert.equal(winnerOf(['extra'], 'seed'), 'extra');
});

test('T16 current: managed beats extra, plugin and bundled, and workspace replaces nothing', () => {
  assert.equal(winnerOf(['bundled', 'workspace'], 'current'), 'bundled');
  assert.equal(winnerOf(['bundled', 'plugin'], 'current'), 'plugin');
  assert.equal(winnerOf(['plugin', 'extra'], 'current'), 'extra');
  assert.equal(winnerOf(['extra', 'managed'], 'current'), 'managed');
  assert.equal(winnerOf(['workspace', 'workspace'], 'current'), 'workspace');
});

test('a replaced name keeps its place and the loser stays visible', () => {
  const hooks = [make('bundled', 'a'), make('bundled', 'b'), make('workspace', 'a')];
  const result = resolvePrecedence(hooks, 'seed');
  assert.deepEqual(
    result.hooks.map((hook) => [hook.name, hook.rootKind]),
    [
      ['a', 'workspace'],
      ['b', 'bundled'],
    ],
  );
  assert.equal(result.shadowed[0]?.hook, hooks[0]);
});

test('T9 seed loads nothing without the master switch and everything with it', () => {
  const withInternal = (internal: object) => ({ hooks: { internal } });
  assert.equal(computeSelection({}, 'seed').active, false);
  assert.equal(computeSelection(withInternal({ entries: { a: {} } }), 'seed').active, false);
  assert.deepEqual(computeSelection(withInternal({ enabled: true, entries: { a: {} } }), 'seed'), {
    active: true,
    only: null,
  });
});

test('current selects declared and installed hooks, and opens for extra directories and a bare switch', () => {
  const select = (internal: object) => computeSelection({ hooks: { internal } }, 'current');
  assert.equal(select({ enabled: false, entries: { a: {} } }).active, false);
  assert.equal(select({}).active, false);
  assert.deepEqual(select({ enabled: true }).only, null);
  assert.deepEqual([...(select({ enabled: true, entries: { a: {}, b: { enabled: false } } }).only ?? [])], ['a']);
  assert.deepEqual([...(select({ installs: { p: { hooks: ['h'] } } }).only ?? [])], ['h']);
  assert.equal(select({ installs: { p: {} } }).only, null);
  assert.equal(select({ entries: { a: {} }, load: { extraDirs: ['/x'] } }).only, null);
});

test('current keeps workspace hooks off until they are enabled by name', () => {
  assert.equal(explainPolicy(make('workspace'), undefined, 'current'), 'workspace hook (disabled by default)');
  assert.equal(explainPolicy(make('workspace'), { enabled: true }, 'current'), undefined);
  assert.equal(explainPolicy(make('workspace'), undefined, 'seed'), undefined);
  assert.equal(explainPolicy(make('managed'), { enabled: false }, 'current'), 'disabled in config');
  assert.equal(explainPolicy(make('plugin'), { enabled: false }, 'current'), undefined);
});

test('the allow-list knows names and keys, and plugin hooks are outside of it in current', () => {
  const selection = { active: true, only: new Set(['key']) };
  assert.equal(explainSelection({ ...make('managed'), hookKey: 'key' }, selection, 'current'), undefined);
  assert.match(explainSelection(make('managed'), selection, 'current') ?? '', /not selected/);
  assert.equal(explainSelection(make('plugin'), selection, 'current'), undefined);
  assert.match(explainSelection(make('plugin'), { active: false, only: null }, 'current') ?? '', /switched off/);
});

const facts = {
  platform: 'linux',
  env: { SET: 'x', BLANK: ' ' },
  hasBin: (name: string) => name === 'have',
  config: { on: true },
};

test('T19 each requirement decides alone, always skips all but the system, disabled wins over all', () => {
  const requirements: Record<string, { good: string; bad: string }> = {
    bins: { good: 'have', bad: 'lack' },
    anyBins: { good: 'have', bad: 'lack' },
    env: { good: 'SET', bad: 'BLANK' },
    config: { good: 'on', bad: 'off' },
    os: { good: 'linux', bad: 'darwin' },
  };
  for (const [kind, { good, bad }] of Object.entries(requirements)) {
    for (const always of [false, true]) {
      for (const disabled of [false, true]) {
        for (const value of [good, bad]) {
          const subject = {
            requirements: { ...emptyRequirements, [kind]: [value] },
            always,
            entry: { enabled: !disabled },
            managedByPlugin: false,
          };
          const expected = !disabled && (value === good || (always && kind !== 'os'));
          assert.equal(
            computeEligibility(subject, facts).eligible,
            expected,
            `${kind} ${value} always=${always} disabled=${disabled}`,
          );
        }
      }
    }
  }
});

test('a variable of the entry satisfies the requirement and a missing any-of reports the whole list', () => {
  const base = { always: false, managedByPlugin: false };
  const byEntry = { ...base, requirements: { ...emptyRequirements, env: ['K'] }, entry: { env: { K: 'v' } } };
  assert.equal(computeEligibility(byEntry, facts).eligible, true);
  const anyOf = { ...base, requirements: { ...emptyRequirements, anyBins: ['a', 'b'] } };
  assert.deepEqual(computeEligibility(anyOf, facts).missing.anyBins, ['a', 'b']);
});

test('T20 configuration paths are truthy as the table says', () => {
  const config = {
    t: true,
    f: false,
    zero: 0,
    one: 1,
    blank: ' ',
    text: 'false',
    object: {},
    array: [],
    nil: null,
    a: { b: 1 },
  };
  const expected: Record<string, boolean> = {
    t: true,
    f: false,
    zero: false,
    one: true,
    blank: false,
    text: true,
    object: true,
    array: true,
    nil: false,
    'a.b': true,
    'a.c': false,
    'workspace.dir': true,
    'browser.enabled': true,
    constructor: false,
    'a.__proto__': false,
  };
  for (const [path, value] of Object.entries(expected)) assert.equal(isConfigPathTruthy(config, path), value, path);
});
