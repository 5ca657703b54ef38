/**
 * Crudlify and the query language of its URLs: the original library and ours answer the same generated requests over the same
 * documents alike, or for a reason that differences.ts gives. Real: both libraries, each in an app of its own on one real
 * gateway, over HTTP.
 *
 * TACKLE_SEED=… repeats a run; TACKLE_LONG=1 sends ten times as many requests.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type BuildMode, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, type RawResponse, startGateway } from '../support/gateway-process.ts';
import { type CrudRequest, crudRequest, startingDocuments } from './crud-requests.ts';
import { type Answer, findReason } from './differences.ts';

const seed = Number(process.env.TACKLE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const requestsPerKind = process.env.TACKLE_LONG ? 5_000 : 500;
/** So many requests go to one collection, so that it still looks like something at their end. */
const requestsPerCollection = 50;
const comparedHeaders = ['content-type', 'cache-control', 'access-control-allow-origin', 'location', 'x-powered-by'];

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

for (const [index, [kind, collections]] of (
  [
    ['none', ['people', 'hooked']],
    ['null', ['people', 'unserved']],
    ['yup', ['people', 'other']],
    ['zod', ['people', 'other']],
    ['json-schema', ['people', 'other']],
  ] as const
).entries()) {
  describe(`crudlify with schemas: ${kind}`, () => {
    it(`answers ${requestsPerKind} requests as the original does (seed ${seed})`, async () => {
      const [ours, theirs] = await Promise.all(
        (['tackle', 'original'] as const).map((mode) => deployCompared(kind, mode)),
      );
      const unexplained: string[] = [];
      const explained = new Map<string, number>();
      for (const [collection, requests] of plan(collections, seed + index)) {
        await Promise.all([ours, theirs].map((space) => fill(space!, collection)));
        for (const request of requests) {
          const [our, their] = await Promise.all([ours, theirs].map((space) => ask(space!, collection, request)));
          if (JSON.stringify(our) === JSON.stringify(their)) continue;
          const reason = findReason({ kind, request, ours: our!, theirs: their! });
          if (reason === null) unexplained.push(describeDifference(request, our!, their!));
          else explained.set(reason, (explained.get(reason) ?? 0) + 1);
          // The collections may not be the same any more.
          if (request.method !== 'GET') await Promise.all([ours, theirs].map((space) => fill(space!, collection)));
        }
      }
      assert.equal(
        unexplained.length,
        0,
        `${unexplained.length} differences, seed ${seed}:\n${unexplained.slice(0, 10).join('\n')}`,
      );
      for (const [reason, count] of explained) console.log(`${kind}: ${count} times: ${reason}`);
    });
  });
}

async function deployCompared(kind: string, mode: BuildMode): Promise<TestSpace> {
  return deployFixture(gateway, 'crud-compared', mode, { KIND: kind });
}

function plan(collections: readonly string[], kindSeed: number): [string, CrudRequest[]][] {
  const requests = fc.sample(crudRequest, { numRuns: requestsPerKind, seed: kindSeed });
  const count = Math.ceil(requests.length / requestsPerCollection);
  return Array.from({ length: count }, (_, index) => [
    // One in five goes to the second collection.
    index % 5 === 4 ? collections[1]! : collections[0]!,
    requests.slice(index * requestsPerCollection, (index + 1) * requestsPerCollection),
  ]);
}

/** The starting documents and nothing else. */
async function fill(space: TestSpace, collection: string): Promise<void> {
  await space.admin('POST', `/collections/${collection}/query`, { query: {}, delete: true });
  const imported = await space.admin('POST', `/collections/${collection}/import`, startingDocuments);
  assert.equal(imported.status, 200, imported.text);
}

async function ask(space: TestSpace, collection: string, request: CrudRequest): Promise<Answer> {
  const response = await space.request(`/${collection}${request.path}`, {
    method: request.method,
    body: request.body,
    headers: request.body === undefined ? {} : { 'content-type': 'application/json' },
  });
  return { status: response.status, headers: pickHeaders(response), body: withoutGeneratedIds(response.text) };
}

function pickHeaders({ headers }: RawResponse): Record<string, unknown> {
  return Object.fromEntries(comparedHeaders.map((name) => [name, headers[name]]));
}

/** Ids that the gateway made are named in the order in which they appear. */
function withoutGeneratedIds(text: string): string {
  const names = new Map<string, string>();
  return text.replace(/"([0-9a-f]{24})"/g, (_, id: string) => {
    if (!names.has(id)) names.set(id, `"id ${names.size + 1}"`);
    return names.get(id)!;
  });
}

function describeDifference({ method, path, body }: CrudRequest, ours: Answer, theirs: Answer): string {
  const show = ({ status, headers, body: text }: Answer) =>
    `${status} ${JSON.stringify(headers)} ${text.slice(0, 300)}`;
  return `${method} ${decodeURI(path)} ${body ?? ''}\n  ours:     ${show(ours)}\n  original: ${show(theirs)}`;
}
