/** Configuration texts with a map of files in memory instead of a disk. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: such references are what is tested
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import JSON5 from 'json5';
import { resolveConfigText } from './config-file.ts';
import { removeJson5Value, setJson5Value } from './json5-edit.ts';

function resolve(
  files: Record<string, string>,
  env: Record<string, string> = {},
  onMissingEnv: 'error' | 'warn' = 'error',
) {
  const reader = {
    read: (file: string) => {
      const text = files[file];
      if (text === undefined) throw new Error('no such file');
      return text;
    },
    resolve: (base: string, relative: string) => path.posix.resolve(base, relative),
    dirname: (file: string) => path.posix.dirname(file),
  };
  return resolveConfigText({ path: '/c/main.json', text: files['/c/main.json'] ?? '', reader, env, onMissingEnv });
}

test('includes merge deeply, join arrays, and lose against sibling keys', () => {
  const { config } = resolve({
    '/c/main.json': '{ $include: ["a.json", "b.json"], list: [3], own: 1 }',
    '/c/a.json': '{ x: { p: 1, q: 1 }, list: [1], own: 0 }',
    '/c/b.json': '{ x: { q: 2 }, list: [2] }',
  });
  assert.deepEqual(config, { x: { p: 1, q: 2 }, list: [1, 2, 3], own: 1 });
});

test('circles, bad includes and depth are errors that name the file', () => {
  assert.throws(() => resolve({ '/c/main.json': '{$include:"main.json"}' }), /circle/);
  assert.throws(() => resolve({ '/c/main.json': '{$include:"none.json"}' }), /none\.json/);
  assert.throws(() => resolve({ '/c/main.json': '{$include:{}}' }), /list of file names/);
  const deep: Record<string, string> = { '/c/main.json': '{$include:"0.json"}' };
  for (let i = 0; i < 20; i += 1) deep[`/c/${i}.json`] = `{$include:"${i + 1}.json"}`;
  assert.throws(() => resolve(deep), /nested deeper/);
});

test('variables are substituted, escaped and reported', () => {
  const text = { '/c/main.json': '{ a: "${KEY}-x", b: "$${KEY}", c: ["${lower}"] }' };
  assert.deepEqual(resolve(text, { KEY: 'v' }).config, { a: 'v-x', b: '${KEY}', c: ['${lower}'] });
  assert.throws(() => resolve(text), /KEY, used at a/);
  assert.equal(resolve(text, {}, 'warn').warnings.length, 1);
});

test('S9 keys that reach prototypes are dropped everywhere', () => {
  const { config } = resolve({
    '/c/main.json': '{ $include: "a.json", "__proto__": { polluted: 1 } }',
    '/c/a.json': '{ "constructor": { prototype: { polluted: 1 } }, ok: { "__proto__": { polluted: 1 } } }',
  });
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.equal((config.ok as Record<string, unknown>).polluted, undefined);
  assert.deepEqual(Object.keys(config), ['ok']);
});

test('R-25 an edit keeps comments, references and unknown keys', () => {
  const text =
    '{\n  // keep me\n  token: "${SECRET}",\n  hooks: { internal: { entries: { a: { enabled: false, env: { K: \'v\' } } } } }, // tail\n  odd: 0x1F,\n}\n';
  const edited = setJson5Value(text, ['hooks', 'internal', 'entries', 'a', 'enabled'], true);
  assert.equal(edited, text.replace('enabled: false', 'enabled: true'));
  const added = setJson5Value(text, ['hooks', 'internal', 'enabled'], true);
  assert.ok(added.includes('// keep me') && added.includes('${SECRET}') && added.includes('0x1F'));
  assert.equal(JSON5.parse(added).hooks.internal.enabled, true);
  assert.deepEqual(JSON5.parse(removeJson5Value(text, ['hooks'])), { token: '${SECRET}', odd: 31 });
});

test('edits of any object give what the same change of the value gives', () => {
  const key = fc.constantFrom('a', 'b', 'c-d', 'e f');
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.integer(),
      fc.string(),
      fc.constant(null),
      fc.dictionary(key, tie('node')),
    ),
  })).node;
  fc.assert(
    fc.property(
      fc.dictionary(key, value),
      fc.array(key, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      (object, at, pretty) => {
        const text = pretty ? JSON5.stringify(object, null, 2) : JSON.stringify(object);
        const read = (root: unknown) =>
          at.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], root);
        assert.equal(read(JSON5.parse(setJson5Value(text, at, 'new'))), 'new');
        const removed: unknown = JSON5.parse(removeJson5Value(text, at));
        const parent = at
          .slice(0, -1)
          .reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], removed);
        if (typeof parent === 'object' && parent !== null) assert.equal(Object.hasOwn(parent, at.at(-1) ?? ''), false);
      },
    ),
    { numRuns: 300 },
  );
});
