// The routes for collections, queries, imports, exports and key-value, on the real SQLite engine, documents and
// key-value services. One database for the file; each test has a project of its own.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createDocuments } from '../../documents/index.ts';
import { createKeyValue } from '../../keyvalue/index.ts';
import { openSqliteStorage, type SqliteStorage } from '../../storage/sqlite/open-sqlite-storage.ts';
import { type ApiFixture, createApiFixture } from './testing/api-fixture.ts';

let home: string;
let storage: SqliteStorage;
let api: ApiFixture;
let S: string;
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'tackle-api-'));
  storage = await openSqliteStorage({ directory: home });
  const documents = createDocuments(storage);
  const keyValue = createKeyValue(storage);
  api = await createApiFixture({
    storage,
    documentsOf: (spaceId) => documents.forSpace(spaceId),
    keyValueOf: (spaceId) => keyValue.forSpace(spaceId),
  });
});
after(async () => {
  await api[Symbol.asyncDispose]();
  await storage[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});
beforeEach(async () => {
  const { body } = await api.call('POST', '/projects', { name: 'todo' });
  S = `/projects/${body.id}/spaces/dev`;
});

const people = [
  { _id: 'a', name: 'Ann', age: 31, tags: ['x'] },
  { _id: 'b', name: 'Bob', age: 25 },
  { _id: 'c', name: 'Cyd', age: 40, tags: ['x', 'y'] },
];
const importPeople = (options = {}) => upload(JSON.stringify(people), 'application/json', options);

function upload(payload: string, type: string, { query = '', collection = 'people' } = {}) {
  const headers = { 'content-type': type };
  return api.call('POST', `${S}/collections/${collection}/import${query}`, payload, { headers });
}

async function query(body: object): Promise<{ _id: string }[]> {
  const answer = await api.call('POST', `${S}/collections/people/query`, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}
const ids = async (body: object) => (await query(body)).map(({ _id }) => _id);

describe('queries', () => {
  beforeEach(async () => {
    assert.deepEqual((await importPeople()).body, { imported: 3, failed: 0, errors: [] });
  });

  test('filters as objects, as JSON text and in URL style', async () => {
    assert.deepEqual(await ids({}), ['a', 'b', 'c']);
    assert.deepEqual(await ids({ query: { age: { $gte: 31 } } }), ['a', 'c']);
    assert.deepEqual(await ids({ query: '{"age":{"$lt":31}}' }), ['b']);
    assert.deepEqual(await ids({ query: 'age>30&name=/^c/i' }), ['c']);
    assert.deepEqual(await ids({ query: '!tags' }), ['b']);
    assert.deepEqual(await ids({ query: 'name=Ann,Bob&sort=-age' }), ['a', 'b']);
    assert.deepEqual(await ids({ query: { name: 'nobody' } }), []);
  });

  test('sort, limit, offset, reverse, fields, index ranges', async () => {
    assert.deepEqual(await ids({ sort: '-age' }), ['c', 'a', 'b']);
    assert.deepEqual(await ids({ sort: ['age'] }), ['b', 'a', 'c']);
    assert.deepEqual(await ids({ sort: { age: -1 }, limit: 1, offset: 1 }), ['a']);
    assert.deepEqual(await ids({ reverse: true, limit: 2 }), ['c', 'b']);
    assert.deepEqual(await query({ fields: ['name'], limit: 1 }), [{ name: 'Ann', _id: 'a' }]);
    assert.deepEqual(await query({ fields: 'age', limit: 1 }), [{ age: 31, _id: 'a' }]);
    assert.deepEqual(await ids({ useIndex: 'age', start: 30, end: 35 }), ['a']);
  });

  test('counts', async () => {
    const answer = await api.call('POST', `${S}/collections/people/query`, { query: 'age>30', count: true });
    assert.deepEqual(answer.body, { count: 2 });
  });

  test('changes by query say how many, need a query, and exclude one another', async () => {
    const run = (body: object) => api.call('POST', `${S}/collections/people/query`, body);
    assert.deepEqual((await run({ query: 'age>30', update: { $inc: { age: 1 } } })).body, { count: 2 });
    assert.deepEqual(await ids({ query: { age: 41 } }), ['c']);
    assert.deepEqual((await run({ query: { _id: 'a' }, replace: { name: 'New' } })).body, { count: 1 });
    assert.deepEqual(await query({ query: { _id: 'a' } }), [{ name: 'New', _id: 'a' }]);
    assert.deepEqual((await run({ query: 'name=Bob', delete: true })).body, { count: 1 });
    assert.deepEqual(await ids({}), ['a', 'c']);
    assert.equal((await run({ delete: true })).status, 400);
    assert.equal((await run({ query: {}, delete: true, update: {} })).status, 400);
    assert.equal((await run({ query: {}, update: { $frob: 1 } })).body.error.code, 'invalid_update');
    const { entries } = (await api.call('GET', '/audit?limit=3')).body;
    assert.deepEqual(
      entries.map((entry: { action: string; details: object }) => [entry.action, entry.details]),
      [
        ['documents.delete', { count: 1 }],
        ['documents.replace', { count: 1 }],
        ['documents.update', { count: 2 }],
      ],
    );
  });

  test('what is no query is refused before anything is sent', async () => {
    for (const body of [{ query: { $frob: 1 } }, { query: '{"a":' }, { query: { a: { $gt: 1, $frob: 2 } } }]) {
      const answer = await api.call('POST', `${S}/collections/people/query`, body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.equal(answer.body.error.code, 'invalid_query');
    }
    assert.equal((await api.call('POST', `${S}/collections/people/query`, { limt: 1 })).status, 400);
  });

  test('another space does not see them', async () => {
    await api.call('POST', S.replace('/dev', ''), { name: 'prod' });
    const answer = await api.call('POST', `${S.replace('/dev', '/prod')}/collections/people/query`, {});
    assert.deepEqual(answer.body, []);
  });
});

describe('imports and exports', () => {
  test('many documents go in and come out again, in pages', async () => {
    const lines = Array.from({ length: 2500 }, (_, n) => JSON.stringify({ _id: `k${String(n).padStart(5, '0')}`, n }));
    const answer = await upload(`${lines.join('\n')}\n`, 'application/x-ndjson');
    assert.deepEqual(answer.body, { imported: 2500, failed: 0, errors: [] });
    const json = await api.call('GET', `${S}/collections/people/export`);
    assert.deepEqual(
      json.body.map(({ n }: { n: number }) => n),
      lines.map((_, n) => n),
    );
    const ndjson = await api.call('GET', `${S}/collections/people/export?format=ndjson`);
    assert.equal(ndjson.headers['content-type'], 'application/x-ndjson');
    assert.equal(ndjson.text.trimEnd().split('\n').length, 2500);
    assert.deepEqual((await api.call('GET', `${S}/collections/none/export`)).body, []);
    assert.equal((await api.call('GET', `${S}/collections/none/export?format=ndjson`)).text, '');
  });

  test('a broken line refuses the whole file and names the line', async () => {
    const answer = await upload('{"a":1}\n\n{"a":\n{"a":3}\n', 'application/x-ndjson');
    assert.equal(answer.status, 400);
    assert.equal(answer.body.error.code, 'invalid_json');
    assert.match(answer.body.error.message, /^Line 3: .*Nothing was imported$/);
    assert.equal(answer.body.error.details.imported, 0);
    assert.equal(answer.body.error.details.errors[0].line, 3);
    assert.deepEqual(await ids({}), []);
  });

  test('with continue the rest is imported and the bad lines are listed', async () => {
    const payload = '{"_id":"a"}\nnope\n\n{"_id":"b"}\n"text"\n{"_id":"a"}\n{"_id":"c"}\n';
    const { body } = await upload(payload, 'application/x-ndjson', { query: '?continue=true' });
    assert.equal(body.imported, 3);
    assert.equal(body.failed, 3);
    assert.deepEqual(
      body.errors.map(({ line }: { line: number }) => line).sort((a: number, b: number) => a - b),
      [2, 5, 6],
    );
    assert.deepEqual(await ids({}), ['a', 'b', 'c']);
  });

  test('a schema violation refuses the whole array and names the item', async () => {
    const schema = { type: 'object', properties: { age: { type: 'number' } } };
    await api.call('POST', `${S}/collections`, { name: 'people', schema });
    const answer = await upload('[{"age":1},{"age":"old"},{"age":3}]', 'application/json');
    assert.equal(answer.status, 400);
    assert.equal(answer.body.error.code, 'schema_violation');
    assert.equal(answer.body.error.details.errors[0].line, 2);
    assert.deepEqual(await ids({}), []);
    const { body } = await upload('[{"age":1},{"age":"old"},{"age":3}]', 'application/json', {
      query: '?continue=true',
    });
    assert.deepEqual([body.imported, body.failed, body.errors[0].line], [2, 1, 2]);
  });

  test('an upsert replaces what is there and says how far it came', async () => {
    await importPeople();
    const { body } = await upload('[{"_id":"a","name":"New"},{"_id":"z"},{"n":1}]', 'application/json', {
      query: '?upsert=true',
    });
    assert.deepEqual(body, { imported: 3, failed: 0, errors: [] });
    assert.deepEqual(await query({ query: { _id: 'a' } }), [{ name: 'New', _id: 'a' }]);
    assert.equal((await query({})).length, 5);
    const stopped = await upload('{"_id":"y"}\nnope\n', 'application/x-ndjson', { query: '?upsert=true' });
    assert.equal(stopped.status, 400);
    assert.match(stopped.body.error.message, /^Line 2: .*1 documents were written before$/);
  });

  test('other content types and arrays that are none are refused', async () => {
    assert.equal((await upload('a,b', 'text/csv')).status, 400);
    assert.equal((await upload('{"a":1}', 'application/json')).body.error.code, 'invalid_json');
    assert.equal((await upload('', 'application/json')).body.error.code, 'invalid_json');
    assert.deepEqual((await upload('[]', 'application/json')).body, { imported: 0, failed: 0, errors: [] });
  });
});

test('collections: create, list, schema, cap, indexes, drop', async () => {
  const made = await api.call('POST', `${S}/collections`, { name: 'notes', cap: 10 });
  assert.equal(made.status, 201);
  assert.equal(made.body.cap, 10);
  await upload('[{"a":1},{"a":2}]', 'application/json', { collection: 'notes' });
  const C = `${S}/collections/notes`;
  assert.deepEqual((await api.call('POST', `${C}/indexes`, { fields: ['a', 'b.c'] })).body, { indexes: ['a', 'b.c'] });
  const [listed] = (await api.call('GET', `${S}/collections`)).body.collections;
  assert.deepEqual(
    [listed.name, listed.count, listed.indexes, listed.cap, listed.schema],
    ['notes', 2, ['a', 'b.c'], 10, null],
  );
  assert.deepEqual((await api.call('DELETE', `${C}/indexes/b.c`)).body, { indexes: ['a'] });
  assert.equal((await api.call('DELETE', `${C}/indexes/b.c`)).status, 404);
  const schema = { type: 'object', required: ['a'] };
  assert.deepEqual((await api.call('PUT', `${C}/schema`, { schema })).body, { schema });
  assert.deepEqual((await api.call('GET', `${C}/schema`)).body, { schema });
  assert.equal((await api.call('DELETE', `${C}/schema`)).status, 204);
  assert.deepEqual((await api.call('GET', `${C}/schema`)).body, { schema: null });
  assert.equal((await api.call('PUT', `${C}/schema`, { schema: { type: 'nonsense' } })).status, 400);
  assert.deepEqual((await api.call('PUT', `${C}/cap`, { cap: 5, capDelayMs: 10 })).body, { cap: 5, capDelayMs: 10 });
  assert.equal((await api.call('DELETE', `${C}/cap`)).status, 204);
  assert.equal((await api.call('DELETE', C)).status, 204);
  assert.equal((await api.call('DELETE', C)).status, 404);
  assert.equal((await api.call('GET', `${C}/schema`)).status, 404);
  assert.equal((await api.call('POST', `${S}/collections`, { name: '' })).status, 400);
});

test('key-value: values keep their type, keyspaces are apart, lists are paged', async () => {
  for (const value of ['text', 5, true, null, { a: [1] }]) {
    assert.deepEqual((await api.call('PUT', `${S}/kv/k`, { value })).body, { key: 'k', value });
    assert.deepEqual((await api.call('GET', `${S}/kv/k`)).body, { key: 'k', value });
  }
  await api.call('PUT', `${S}/kv/a%2Fb%20c`, { value: 1, keyspace: 'other', ttlMs: 60_000 });
  assert.equal((await api.call('GET', `${S}/kv/a%2Fb%20c`)).status, 404);
  assert.equal((await api.call('GET', `${S}/kv/a%2Fb%20c?keyspace=other`)).body.value, 1);
  assert.equal((await api.call('DELETE', `${S}/kv/k`)).status, 204);
  assert.equal((await api.call('DELETE', `${S}/kv/k`)).status, 204);
  assert.equal((await api.call('GET', `${S}/kv/k`)).status, 404);

  const keys = Array.from({ length: 25 }, (_, n) => `list-${String(n).padStart(2, '0')}`);
  for (const key of keys) await api.call('PUT', `${S}/kv/${key}`, { value: key });
  const seen: string[] = [];
  let after = '';
  do {
    const { body } = await api.call('GET', `${S}/kv?prefix=list-&limit=10${after}`);
    assert.ok(body.entries.length <= 10);
    seen.push(...body.entries.map(({ key }: { key: string }) => key));
    after = body.next === null ? '' : `&after=${encodeURIComponent(body.next)}`;
  } while (after !== '');
  assert.deepEqual(seen, keys);
  assert.equal((await api.call('GET', `${S}/kv?after=nonsense`)).status, 400);
});

test('the status of a space tells what is in it', async () => {
  await importPeople();
  const { body } = await api.call('GET', `${S}/status`);
  assert.deepEqual([body.usage.collections, body.usage.documents], [1, 3]);
  assert.equal(body.collections[0].name, 'people');
});
