/** What is read off a pattern to narrow a search. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getLiteralPrefix } from './literal-prefix.ts';

test('only what every match must begin with is taken', () => {
  for (const [source, prefix] of [
    ['^abc', 'abc'],
    ['^abc$', 'abc'],
    ['^ab*', 'a'],
    ['^ab?c', 'a'],
    ['^ab{2}', 'a'],
    ['^ab+', 'ab'],
    ['^a.c', 'a'],
    ['^a\\.c', 'a'],
    ['^(ab)', ''],
    ['^ab|c', ''],
    ['^a(b|c)', ''],
    ['^it\'s "é"', 'it\'s "é"'],
    ['^\u{1f600}', ''],
    ['abc', ''],
    ['^', ''],
    ['^*', ''],
    ['', ''],
  ] as const) {
    assert.equal(getLiteralPrefix({ source, flags: '' }), prefix, source);
  }
  assert.equal(getLiteralPrefix({ source: '^abc', flags: 'i' }), '', 'letters of either case');
  assert.equal(getLiteralPrefix({ source: '^abc', flags: 'm' }), '', 'any line');
  assert.equal(getLiteralPrefix({ source: '^abc', flags: 'su' }), 'abc');
});
