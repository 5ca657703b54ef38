/**
 * The table of hand-checked verdicts against the JavaScript matcher, and against mingo as a second opinion. Nothing is fake.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Query } from 'mingo';
import type { JsonObject } from '../json.ts';
import { compileMatcher } from './match-filter.ts';
import { parseFilter } from './parse-filter.ts';
import { mingoDifferences } from './testing/mingo-differences.ts';
import { expectedIds, type VerdictGroup, verdictGroups } from './testing/verdicts.ts';

const toDocuments = (group: VerdictGroup): JsonObject[] =>
  Object.entries(group.documents).map(([id, fields]) => ({ ...fields, _id: id }) as JsonObject);

test('the table holds at least 300 queries', () => {
  const count = verdictGroups.reduce((sum, group) => sum + group.verdicts.length, 0);
  assert.ok(count >= 300, `${count}`);
});

for (const group of verdictGroups) {
  test(`the matcher gives the listed verdicts: ${group.name}`, () => {
    const documents = toDocuments(group);
    for (const [filter, answer, reason] of group.verdicts) {
      const matches = compileMatcher(parseFilter(filter));
      const found = documents.filter(matches).map(({ _id }) => _id as string);
      assert.deepEqual(found.toSorted(), expectedIds(group, answer), `${describe(filter)} ${reason ?? ''}`);
    }
  });
}

test('mingo agrees with the table, or the difference is listed with who is right', () => {
  const found: string[] = [];
  for (const group of verdictGroups) {
    const documents = toDocuments(group);
    for (const [filter, answer] of group.verdicts) {
      if (!isForMingo(filter)) continue;
      if (askMingo(filter, documents) !== expectedIds(group, answer).join(' '))
        found.push(`${group.name}: ${describe(filter)}`);
    }
  }
  const listed = mingoDifferences.flatMap(({ filters }) => filters);
  assert.deepEqual(
    found.filter((line) => !listed.includes(line)),
    [],
    'differences that are not listed',
  );
  assert.deepEqual(
    listed.filter((line) => !found.includes(line)),
    [],
    'listed differences that are none',
  );
});

function askMingo(filter: unknown, documents: readonly JsonObject[]): string {
  try {
    const query = new Query(filter as Record<string, unknown>);
    return documents
      .filter((document) => query.test(document))
      .map(({ _id }) => _id as string)
      .toSorted()
      .join(' ');
  } catch (error) {
    return `failed: ${(error as Error).message}`;
  }
}

/** Our extensions ($startsWith, $endsWith, $date, bare ids, $comment at the top) are not mingo's. */
function isForMingo(filter: unknown): boolean {
  return (
    typeof filter === 'object' &&
    filter !== null &&
    !/"\$(?:startsWith|endsWith|date|comment)"/.test(describe(filter)) &&
    !hasDate(filter)
  );
}

function hasDate(value: unknown): boolean {
  if (value instanceof Date) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasDate);
}

function describe(filter: unknown): string {
  return JSON.stringify(filter, (_key, value: unknown) => {
    if (value instanceof RegExp) return String(value);
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  });
}
