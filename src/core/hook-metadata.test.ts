/** The golden inputs of HOOK.md, real parsers, nothing faked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseFrontmatter } from './hook-frontmatter.ts';
import { parseHookMetadata } from './hook-metadata.ts';

function parse(text: string) {
  const frontmatter = parseFrontmatter(text);
  return { frontmatter, ...parseHookMetadata(frontmatter) };
}

const wrap = (block: string) => `---\nname: x\n${block}\n---\n\n# Body\n`;
const codes = (lints: readonly { code: string }[]) => lints.map((lint) => lint.code);

const readable: readonly [string, string, string][] = [
  [
    'G1 indented JSON with trailing commas',
    'openclaw',
    wrap('metadata:\n  {\n    "openclaw": {\n      "events": ["command:new",],\n    },\n  }'),
  ],
  ['G2 inline JSON', 'openclaw', wrap('metadata: {"openclaw":{"events":["command:new"]}}')],
  ['G3 inline JSON5', 'openclaw', wrap("metadata: {openclaw: {events: ['command:new']}}")],
  ['G4 nested YAML', 'openclaw', wrap('metadata:\n  openclaw:\n    events: [command:new]')],
  ['G5 block scalar', 'openclaw', wrap('metadata: |\n  {"openclaw": {"events": ["command:new"]}}')],
  ['G6 quoted JSON', 'openclaw', wrap(`metadata: '{"openclaw":{"events":["command:new"]}}'`)],
  ['G8 trailing YAML comment', 'openclaw', wrap('metadata: {"openclaw":{"events":["command:new"]}}   # specific')],
  [
    'G9 comment inside the JSON',
    'openclaw',
    wrap('metadata:\n  {\n    // which events\n    "openclaw": { "events": ["command:new"] } // end\n  }'),
  ],
  ['G10 byte order mark', 'openclaw', `\uFEFF${wrap('metadata: {"openclaw":{"events":["command:new"]}}')}`],
  ['G11 CRLF', 'openclaw', wrap('metadata: {"openclaw":{"events":["command:new"]}}').replaceAll('\n', '\r\n')],
  ['G11 lone CR', 'openclaw', wrap('metadata: {"openclaw":{"events":["command:new"]}}').replaceAll('\n', '\r')],
  ['G12 tabs', 'openclaw', wrap('metadata:\n\t{\n\t\t"openclaw": { "events": ["command:new"] }\n\t}')],
  [
    'G16 two namespaces',
    'openclaw',
    wrap('metadata: {"clawdbot":{"events":["x"]},"openclaw":{"events":["command:new"]}}'),
  ],
  ['G17 only clawdbot', 'clawdbot', wrap('metadata: {"clawdbot":{"events":["command:new"]}}')],
  ['G18 only moltbot', 'moltbot', wrap('metadata: {"moltbot":{"events":["command:new"]}}')],
  [
    'G21 description with a colon',
    'openclaw',
    wrap('description: Saves: everything\nmetadata: {"openclaw":{"events":["command:new"]}}'),
  ],
];

for (const [name, namespace, text] of readable) {
  test(`${name} is read`, () => {
    const { metadata, invalid } = parse(text);
    assert.equal(invalid, undefined);
    assert.equal(metadata?.namespace, namespace);
    assert.deepEqual(metadata?.events, ['command:new']);
  });
}

test('G7 events may be one comma-separated text', () => {
  const { metadata } = parse(wrap('metadata: {"openclaw":{"events":"command:new, command:reset"}}'));
  assert.deepEqual(metadata?.events, ['command:new', 'command:reset']);
});

test('G12 tabs are reported', () => {
  const { lints } = parse(wrap('metadata:\n\t{ "openclaw": { "events": ["command:new"] } }'));
  assert.ok(codes(lints).includes('tab_indentation'));
});

test('G13 the last of two equal keys wins and is reported', () => {
  const { frontmatter, lints } = parse('---\nname: a\nname: b\n---\n');
  assert.equal(frontmatter.fields.get('name')?.text, 'b');
  assert.ok(codes(lints).includes('duplicate_key'));
});

test('G14 a block that is never closed is invalid', () => {
  assert.match(parse('---\nname: a\nmetadata: {}\n').invalid ?? '', /never closed/);
});

test('G15 "always" as text does not count', () => {
  const { metadata, lints } = parse(wrap('metadata: {"openclaw":{"events":["command"],"always":"true"}}'));
  assert.equal(metadata?.always, false);
  assert.ok(codes(lints).includes('always_not_boolean'));
});

test('G19 a number as name becomes text and an empty name is absent', () => {
  assert.equal(parse('---\nname: 123\n---\n').frontmatter.fields.get('name')?.text, '123');
  assert.equal(parse('---\nname:\n---\n').frontmatter.fields.get('name'), undefined);
});

test('G20 events outside the metadata are named as the mistake', () => {
  const { metadata, lints } = parse(wrap('events: [command:new]'));
  assert.equal(metadata, undefined);
  assert.ok(codes(lints).includes('events_outside_metadata'));
});

test('G22 os beneath requires is enforced and both places are intersected', () => {
  const beneath = parse(wrap('metadata: {"openclaw":{"events":["command"],"requires":{"os":["darwin"]}}}'));
  assert.deepEqual(beneath.metadata?.requirements.os, ['darwin']);
  assert.ok(codes(beneath.lints).includes('os_beneath_requires'));
  const both = parse(wrap('metadata: {"openclaw":{"os":["macos","linux"],"requires":{"os":["darwin"]}}}'));
  assert.deepEqual(both.metadata?.requirements.os, ['darwin']);
  const disjoint = parse(wrap('metadata: {"openclaw":{"os":["linux"],"requires":{"os":["darwin"]}}}'));
  assert.equal(disjoint.metadata?.requirements.os.includes('linux'), false);
});

test('G23 invalid JSON is reported with its position', () => {
  assert.match(parse(wrap('metadata: {"openclaw": {"events": [}')).invalid ?? '', /line 1, column \d+/);
});

test('a block that multiplies aliases is refused quickly', () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) =>
      `k${i}: &a${i} [${Array(9)
        .fill(i === 0 ? 'x' : `*a${i - 1}`)
        .join(',')}]`,
  );
  const { lints } = parse(`---\n${levels.join('\n')}\n---\n`);
  assert.ok(codes(lints).includes('yaml_invalid'));
});

test('no text makes the parser throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      parse(`---\n${text}\n---\n`);
      parse(text);
    }),
    { numRuns: 300 },
  );
});
