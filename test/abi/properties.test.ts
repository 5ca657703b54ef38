/**
 * What holds for any input: pages of JSON text, filters on their way out, bodies from strangers, URLs of CRUD lists. Real: the
 * functions. Fake: nothing. A failing seed is printed; set FC_SEED to run it again.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { parseRestQuery } from '../../packages/sdk/src/crudlify/rest-query.ts';
import { encodeQuery } from '../../src/sandbox/runtime/abi/encode-query.ts';
import { parsePageText } from '../../src/sandbox/runtime/abi/page-text.ts';
import { MalformedBodyError, parseBody } from '../../src/sandbox/runtime/abi/request-body.ts';

const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
const options = { seed, numRuns: process.env.TACKLE_LONG === '1' ? 20_000 : 500 };
const token = fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{1,30}$/), { nil: null });

it(`takes pages apart without parsing their documents (seed ${seed})`, () => {
  fc.assert(
    fc.property(token, fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (next, documents) => {
      const texts = documents.map((document) => JSON.stringify(document));
      const page = parsePageText(`{"next":${JSON.stringify(next)},"documents":[${texts.join(',\n')}]}`);
      assert.equal(page.next, next);
      assert.deepEqual(JSON.parse(`[${page.text}]`), JSON.parse(JSON.stringify(documents)));
      const spaced = parsePageText(JSON.stringify({ documents, next }, null, 1));
      assert.deepEqual(JSON.parse(`[${spaced.text}]`), JSON.parse(JSON.stringify(documents)));
    }),
    options,
  );
});

it(`leaves filters that are JSON as they are, and copies them (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (filter) => {
      const encoded = encodeQuery(filter) as Record<string, unknown>;
      assert.equal(JSON.stringify(encoded), JSON.stringify(filter));
      assert.notEqual(encoded, filter);
    }),
    options,
  );
});

it(`answers any body with a value or with what is wrong, and never touches prototypes (seed ${seed})`, () => {
  const keys = fc.oneof(
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', 'a[__proto__][b]', 'a[][b]', 'a[b][c]'),
  );
  const form = fc.array(fc.tuple(keys, fc.string())).map((pairs) => new URLSearchParams(pairs).toString());
  fc.assert(
    fc.property(
      fc.constantFrom('json', 'form', 'text', 'untyped'),
      fc.oneof(form, fc.string(), fc.json()),
      (kind, text) => {
        try {
          const parsed = parseBody(kind, '', Buffer.from(text));
          assert.equal(parsed.rawBody, Buffer.from(text).toString());
        } catch (error) {
          assert.ok(error instanceof MalformedBodyError, String(error));
        }
        assert.deepEqual(Object.keys(Object.prototype), []);
      },
    ),
    options,
  );
});

it(`reads any URL query or says what is wrong with it (seed ${seed})`, () => {
  const key = fc.oneof(fc.string(), fc.stringMatching(/^!?[a-z]{1,3}[<>!:=]{0,2}[a-z]{0,3}$/));
  const value = fc.oneof(fc.string(), fc.stringMatching(/^[!/"',a-z0-9]{0,8}$/));
  fc.assert(
    fc.property(fc.dictionary(key, value), (query) => {
      try {
        const { filter } = parseRestQuery(query);
        assert.equal(typeof filter, 'object');
      } catch (error) {
        assert.match((error as Error).message, /condition|regular expression|JSON|whole number/);
      }
    }),
    options,
  );
});
