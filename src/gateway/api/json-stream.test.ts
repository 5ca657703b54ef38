// Streams of pages over a real socket; the pages are made up, to see how many are read and what a failure looks like.
import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import type { FindPage, SpaceDocuments } from '../../documents/index.ts';
import { type ApiFixture, createApiFixture } from './testing/api-fixture.ts';

let api: ApiFixture;
let pagesRead: number;
let released: boolean;
let makePage: (index: number) => FindPage;
let url: string;

async function* pages(): AsyncGenerator<FindPage> {
  try {
    for (let index = 0; ; index++) {
      await new Promise((resolve) => setImmediate(resolve));
      pagesRead += 1;
      const page = makePage(index);
      yield page;
      if (page.next === null) return;
    }
  } finally {
    released = true;
  }
}

beforeEach(async () => {
  pagesRead = 0;
  released = false;
  api = await createApiFixture({ documentsOf: () => ({ pages }) as unknown as SpaceDocuments });
  const { body } = await api.call('POST', '/projects', { name: 'todo' });
  await api.fastify.listen({ port: 0, host: '127.0.0.1' });
  const { port } = api.fastify.server.address() as AddressInfo;
  url = `http://127.0.0.1:${port}/api/v1/projects/${body.id}/spaces/dev/collections/c/export`;
});
afterEach(() => api[Symbol.asyncDispose]());

const open = () =>
  new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers: { authorization: `Bearer ${api.token}` }, agent: false }, resolve).on('error', reject);
  });

test('a reader that stops reading stops the reading of pages, one that leaves ends it', async () => {
  const json = `["${'x'.repeat(1_000_000)}"]`;
  makePage = () => ({ json, count: 1, next: 'more' });
  const response = await open();
  response.once('readable', () => undefined);
  await untilStable(() => pagesRead);
  assert.ok(pagesRead < 50, `${pagesRead} pages were read for nobody`);
  assert.equal(released, false);
  response.destroy();
  while (!released) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(api.errors, []);
});

test('a failure in the middle cuts the stream off, so that nobody takes it for the whole', async () => {
  makePage = (index) => {
    if (index === 2) throw new Error('disk gone');
    return { json: '[1]', count: 1, next: 'more' };
  };
  const response = await open();
  assert.equal(response.statusCode, 200);
  await assert.rejects(async () => {
    for await (const _ of response);
  }, /aborted/);
  assert.equal(api.errors.length, 1);
});

test('a failure before the first page is an error answer', async () => {
  makePage = () => {
    throw new Error('disk gone');
  };
  const response = await open();
  assert.equal(response.statusCode, 500);
  response.resume();
});

/** Resolves when the value has not changed for a while: there is no event for "nothing happens any more". */
async function untilStable(read: () => number): Promise<void> {
  let last = -1;
  let unchanged = 0;
  while (unchanged < 20) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    unchanged = read() === last ? unchanged + 1 : 0;
    last = read();
  }
}
