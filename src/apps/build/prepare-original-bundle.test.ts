/**
 * Bundles that contain the original library. Real: webpack, `codehooks-js` 1.4.3 and the packages from npm, evaluation, and
 * the ABI under the handlers. Fake: the sandbox process (a context of this one) and the gateway (answers in memory).
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import vm from 'node:vm';
import { buildOriginalBundle } from '../../../test/support/original-bundle.ts';
import { findExternalPackage, getPackageBundle } from './package-bundle.ts';
import { prepareOriginalBundle } from './prepare-original-bundle.ts';

const root = await mkdtemp(path.join(tmpdir(), 'prepare-bundle-'));
after(() => rm(root, { recursive: true, force: true }));
const options = { cacheDir: path.join(root, 'cache') };

const app = `
import { app, datastore, aggregation } from 'codehooks-js';
import page from './page.html';
import crypto from 'crypto';
app.get('/hash', (req, res) => res.json({ hash: crypto.createHash('sha1').update(req.query.text).digest('hex'), page }));
app.crudlify({ todo: { properties: { title: { type: 'string' } }, required: ['title'] } }, { prefix: '/api' });
app.job('* * * * *', (_, { jobId }) => console.log(jobId));
export default app.init();
`;

interface Manifest {
  readonly routehooks: Record<string, ((...args: unknown[]) => unknown)[]>;
}

function evaluate(code: string): { default: Manifest } {
  const quiet = { log() {}, debug() {}, error() {} };
  const globals = { require: createRequire(import.meta.url), console: quiet, Buffer, process: { env: {} }, URL };
  const context = vm.createContext({
    ...globals,
    DB: { open: async () => ({}) },
    setTimeout,
    clearTimeout,
    TextEncoder,
  });
  Object.assign(context, { global: context });
  vm.runInContext(code, context, { filename: 'app.js' });
  return (context as { __tackleExports: { default: Manifest } }).__tackleExports;
}

describe('a bundle of the official command line', () => {
  it('runs as it is, with the packages that it leaves out put beside it', async () => {
    await writeFile(path.join(root, 'index.js'), app);
    await writeFile(path.join(root, 'page.html'), '<b>page</b>');
    const bundle = await buildOriginalBundle(path.join(root, 'index.js'));
    const prepared = await prepareOriginalBundle(bundle, options);
    assert.deepEqual(prepared.packages.map(({ requiredAs }) => requiredAs).sort(), ['ajv', 'lodash', 'node-fetch']);
    assert.ok(prepared.code.includes(bundle), 'the bundle itself is unchanged');
    const { routehooks } = evaluate(prepared.code).default;
    assert.deepEqual(Object.keys(routehooks).slice(0, 3), [
      'GET /hash',
      'POST /api/:collection',
      'GET /api/:collection',
    ]);
    let answer: unknown;
    routehooks['GET /hash']![0]!({ query: { text: 'a' } }, { json: (value: unknown) => (answer = value) });
    assert.equal(JSON.stringify(answer), '{"hash":"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8","page":"<b>page</b>"}');
  });

  it('is prepared in a moment once its packages are in the cache', async () => {
    const bundle = `var EntryPoint;(()=>{const a=require("ajv"),l=require("lodash"),f=require("node-fetch");EntryPoint={default:{a:typeof a,l:l.VERSION,f:typeof f}}})();`;
    await prepareOriginalBundle(bundle, options);
    const startedAt = performance.now();
    const { code } = await prepareOriginalBundle(bundle, options);
    assert.ok(performance.now() - startedAt < 100);
    const { default: seen } = evaluate(code) as unknown as { default: Record<string, string> };
    assert.deepEqual([seen.a, seen.f], ['function', 'function']);
  });
});

describe('what a bundle requires', () => {
  it('and nobody provides is named in the error', async () => {
    const attempt = prepareOriginalBundle('var EntryPoint=require("left-pad");require("other-thing");', options);
    await assert.rejects(attempt, { code: 'deploy_failed', message: /"left-pad", "other-thing"/ });
  });

  it('only seemingly, in strings and comments, or optionally, does no harm', async () => {
    const bundle = `var EntryPoint={default:"require('left-pad')"};// require("left-pad")
      try{require("maybe")}catch{}`;
    const { packages } = await prepareOriginalBundle(bundle, options);
    assert.deepEqual(packages, []);
  });

  it('is never something inherited from Object', async () => {
    assert.equal(findExternalPackage('constructor'), null);
    await assert.rejects(prepareOriginalBundle('var EntryPoint=require("constructor")', options), /"constructor"/);
  });

  it('may be mapped to a package of another name', () => {
    assert.equal(findExternalPackage('mongodb-3')?.name, 'mongodb');
    assert.equal(findExternalPackage('grpc')?.name, '@grpc/grpc-js');
  });
});

describe('a package from npm', () => {
  it('is not used when it is not the one that the table names', async () => {
    const forged = { name: 'crc-32', from: 'npm', version: '1.2.2', integrity: 'sha512-forged' } as const;
    await assert.rejects(getPackageBundle(forged, options), /not the package that Tackle knows|npm install/);
  });
});

describe('text that is no bundle', () => {
  it('is left to evaluation, which says what is wrong with it', async () => {
    const { code } = await prepareOriginalBundle('this is not JavaScript', options);
    assert.throws(() => evaluate(code), { name: 'SyntaxError' });
  });
});
