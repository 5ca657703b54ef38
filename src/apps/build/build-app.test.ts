/**
 * Bundling of apps. Real: the bundler, npm (installing from a directory, so without network), and evaluation of the result in
 * this process with the globals that a sandbox provides. Fake: the sandbox and the datastore behind it.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import vm from 'node:vm';
import type { TackleError } from '../../core/errors.ts';
import { type BuildOptions, type BuiltApp, buildApp, mapStack } from './index.ts';

const root = await mkdtemp(path.join(tmpdir(), 'build-app-'));
after(() => rm(root, { recursive: true, force: true }));
// The cache of the builds goes there too, and not into the home of whoever runs the tests.
process.env.TACKLE_HOME = root;
let appCount = 0;

type Files = Readonly<Record<string, string>>;

async function writeApp(files: Files): Promise<string> {
  appCount += 1;
  const dir = path.join(root, `app-${appCount}`);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(dir, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return dir;
}

async function build(files: Files, options: Omit<BuildOptions, 'dir'> = {}): Promise<BuiltApp> {
  return buildApp({ dir: await writeApp(files), ...options });
}

interface Exports {
  readonly default: { readonly routehooks: Record<string, ((...args: unknown[]) => unknown)[]> };
  readonly values?: unknown;
}

/** Evaluates a script as a sandbox process does. */
async function evaluate(code: string): Promise<Exports> {
  const context = vm.createContext({
    require: createRequire(import.meta.url),
    console,
    queueMicrotask,
    process: { env: { NAME: 'v' } },
  });
  vm.runInContext(code, context, { filename: 'app.js' });
  return (await (context as { __tackleExports: Promise<Exports> }).__tackleExports) as Exports;
}

/** A plain copy: objects of the other realm are equal to nothing here. */
async function getValues(files: Files, options?: Omit<BuildOptions, 'dir'>): Promise<unknown> {
  const exports = await evaluate((await build(files, options)).code);
  return JSON.parse(JSON.stringify(exports.values));
}

async function getFailure(files: Files, options?: Omit<BuildOptions, 'dir'>): Promise<TackleError> {
  return build(files, options).then(
    () => assert.fail('It was built'),
    (error: TackleError) => error,
  );
}

describe('what an app may contain', () => {
  it('is a require of its own, which finds files and packages as the other does', async () => {
    const files = {
      'index.js': `import { createRequire } from 'node:module';
        const require = createRequire(import.meta.url);
        const load = createRequire(import.meta.url);
        export const values = [require('./data.json').a, load('./data.json').a, load('pkg'), typeof load('util').format];`,
      'data.json': '{"a": 1}',
      'package.json': '{"type": "module", "dependencies": {"pkg": "1"}}',
      'node_modules/pkg/package.json':
        '{"name":"pkg","version":"1.0.0","main":"./a.js","imports":{"#part/*":"./*.cjs"},"type":"module"}',
      'node_modules/pkg/a.js': `import { createRequire } from 'module'; const own$1 = createRequire(import.meta.url);
        export { own as 'module.exports' }; const own = own$1('#part/b');`,
      'node_modules/pkg/b.cjs': `module.exports = 'part';`,
    };
    assert.deepEqual(await getValues(files), [1, 1, 'part', 'function']);
  });

  it('is an import of a name that is known only at run time', async () => {
    const files = {
      'index.js': `const load = async (name) => (await import(\`./jobs/\${name}.js\`)).default;
        export const values = [await load('a'), await load('c').catch((error) => error.message)];`,
      'jobs/a.js': 'export default 1;',
      'jobs/b.js': 'export default 2;',
    };
    const [found, missing] = (await getValues(files)) as [number, string];
    assert.equal(found, 1);
    assert.match(missing, /jobs\/c\.js/);
  });

  it('is whatever a name that is put together can mean', async () => {
    const files = {
      'index.js': `/* ü — 🙂 */ const load = async (name) => (await import('./jobs/' + name)).default;
        const loadAny = (kind, name) => import(('./' + 'jobs') + '/' + kind + '/' + name + '.js');
        const tell = (run) => { try { return run(); } catch (error) { return error.code; } };
        export const values = [await load('a'), await load('a.js'), await load('typed'), await load('deep'),
          (await loadAny('deep', 'index')).default, await load('deep/index').catch((error) => error.message),
          require('./jobs/' + ['common'][0]).own, require(\`./jobs/\${['common'][0]}.cjs\`).own, require(__dirname + '/jobs/' + ['data'][0] + '.json').n,
          require('./jobs/' + ['common'][0]).sibling('b'), tell(() => require('./jobs/' + ['none'][0])),
          tell(() => require('./jobs/' + ['__proto__'][0]))];`,
      'jobs/a.js': 'export default 1;',
      'jobs/typed.ts': `const name = 'data'; export default require('../jobs/' + (name as string)).n;`,
      'jobs/deep/index.js': 'export default 3;',
      'jobs/common.cjs': `exports.own = 4; exports.sibling = (name) => require('../jobs/deep/' + name);`,
      'jobs/deep/b.js': 'module.exports = 5;',
      'jobs/data.json': '{"n": 2}',
      'jobs/a.test.js': `import 'nobody-has-it';`,
    };
    const values = [1, 1, 2, 3, 3, "Cannot find module './jobs/deep/index'", 4, 4, 2, 5];
    assert.deepEqual(await getValues(files), [...values, 'MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);
  });

  it('is JSON of any size, by its whole or its fields', async () => {
    const data = { text: `\u2028"'\\`, list: Array.from({ length: 5000 }, (_, index) => index), __proto__: { a: 1 } };
    const files = {
      'index.js': `import whole, { text } from './data.json'; import * as all from './data.json';
        export const values = [whole.list.length, text, all.text === text, require('./data.json').list.at(-1)];`,
      'data.json': JSON.stringify(data),
    };
    assert.deepEqual(await getValues(files), [5000, data.text, true, 4999]);
  });

  it('is fs, path and os: a warning says of fs that it has no files', async () => {
    const files = {
      'index.js': `import path from 'path'; import os from 'os'; import './a.js'; export const values = path.extname('a.b') + os.EOL;`,
      'a.js': `\nimport { readFile } from 'node:fs/promises'; readFile;`,
    };
    assert.equal(await getValues(files), '.b\n');
    const { warnings } = await build(files);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^a\.js:2:26 .*"node:fs\/promises".*filestore/);
  });

  it('is JavaScript with our library in place of codehooks-js', async () => {
    const built = await build({
      'index.js': `import { app } from 'codehooks-js'; app.get('/x', () => {}); export default app.init();`,
    });
    assert.deepEqual(Object.keys((await evaluate(built.code)).default.routehooks), ['GET /x']);
    assert.deepEqual([built.main, built.language, built.installed], ['index.js', 'Javascript', []]);
  });

  it('is TypeScript, with await at the top', async () => {
    const files = { 'index.ts': `const n: number = await Promise.resolve(3); export const values = n as unknown;` };
    assert.equal(await getValues(files), 3);
    assert.equal((await build(files)).language, 'Typescript');
  });

  it('is JSON, by either spelling of the attribute', async () => {
    const index = `import a from './a.json' assert { type: 'json' }; import b from './a.json' with { type: 'json' };
      import c from './a.json'; export const values = [a.n, b.n, c.n];`;
    assert.deepEqual(await getValues({ 'index.js': index, 'a.json': '{"n":1}' }), [1, 1, 1]);
  });

  it('is text, imported or required', async () => {
    assert.deepEqual(
      await getValues({
        'index.js': `import a from './a.md'; import b from './b.yaml'; export const values = [a, b];`,
        'a.md': '# A',
        'b.yaml': 'a: 1',
      }),
      ['# A', 'a: 1'],
    );
    const index = `import page from './page.html'; import { default as view } from './view.hbs';
      export const values = [page, view, require('./a.txt'), require('./style.css')];`;
    const texts = { 'page.html': '<b>`ü`</b>\n', 'view.hbs': '{{x}}', 'a.txt': 'text', 'style.css': 'b{}' };
    assert.deepEqual(await getValues({ 'index.js': index, ...texts }), ['<b>`ü`</b>\n', '{{x}}', 'text', 'b{}']);
  });

  it('is found through the imports map and in parent directories', async () => {
    const files = {
      'app/index.js': `import x from '#lib/x.js'; import model from '../model.json'; export const values = [x, model.n];`,
      'app/package.json': '{"type":"module","imports":{"#lib/*":"./lib/*"}}',
      'app/lib/x.js': 'export default 5;',
      'model.json': '{"n":6}',
    };
    const built = await buildApp({ dir: path.join(await writeApp(files), 'app') });
    assert.deepEqual(JSON.parse(JSON.stringify((await evaluate(built.code)).values)), [5, 6]);
  });

  it('are built-in modules, with and without prefix, by import and require', async () => {
    const index = `import crypto, { createHash } from 'crypto'; import * as url from 'node:url';
      const { EventEmitter } = require('events');
      const late = await import('util');
      export const values = [typeof crypto.createHash, typeof createHash, typeof url.parse, typeof EventEmitter, typeof late.format];`;
    assert.deepEqual(await getValues({ 'index.js': index }), Array(5).fill('function'));
  });

  it('are packages of node_modules, with the interop of their kind', async () => {
    const index = `import cjs, { named } from 'cjs'; import esm from 'esm'; import os from 'uses-os';
      export const values = [cjs.named, named, esm, os];`;
    const files = {
      'index.js': index,
      'node_modules/cjs/index.js': 'exports.named = 1;',
      'node_modules/cjs/package.json': '{"name":"cjs","main":"index.js"}',
      'node_modules/esm/index.js': 'export default 2;',
      'node_modules/esm/package.json': '{"name":"esm","type":"module","exports":"./index.js"}',
      'node_modules/uses-os/index.js': `const os = require('os'); require('fs'); module.exports = typeof os.EOL;`,
      'node_modules/uses-os/package.json': '{"name":"uses-os"}',
    };
    assert.deepEqual(await getValues(files), [1, 1, 2, 'string']);
  });

  it('are packages in the form for their way of asking', async () => {
    const files = {
      'index.js': `import a from 'dual'; const b = require('dual'); export const values = [a, b];`,
      'node_modules/dual/package.json': JSON.stringify({
        name: 'dual',
        exports: { '.': { browser: './x.js', import: './a.mjs', require: './b.cjs', default: './x.js' } },
      }),
      'node_modules/dual/a.mjs': `export default 'import';`,
      'node_modules/dual/b.cjs': `module.exports = 'require';`,
    };
    assert.deepEqual(await getValues(files), ['import', 'require']);
  });

  it('sees where it is, although a script has no import.meta', async () => {
    assert.equal(await getValues({ 'index.js': 'export const values = import.meta.url;' }), 'file:///app/index.js');
  });
});

describe('the entry', () => {
  const files = { 'index.js': 'export const values = 1;', 'server.js': 'export const values = 2;' };

  it('is the given file, then main of package.json, then index.js or index.ts', async () => {
    const withMain = { ...files, 'package.json': '{"main":"server"}' };
    assert.equal(await getValues(files), 1);
    assert.equal(await getValues(withMain), 2);
    assert.equal(await getValues(withMain, { main: 'index' }), 1);
    assert.equal(await getValues({ 'src/index.ts': 'export const values = 3;' }, { main: 'src/index.ts' }), 3);
  });

  it('that is missing is said to be, with what to do', async () => {
    assert.match((await getFailure({ 'other.js': '' })).message, /no index\.js or index\.ts.*--main/);
    assert.match((await getFailure(files, { main: 'nope.js' })).message, /no file nope\.js/);
  });
});

describe('packages that are missing', () => {
  it('are installed first, without their scripts, with progress', async () => {
    const dir = await writeApp({
      'app/index.js': `import value from 'local-package'; export const values = value;`,
      'app/package.json': '{"dependencies":{"local-package":"file:../package","codehooks-js":"^1.4.3"}}',
      'package/package.json': '{"name":"local-package","version":"1.0.0","scripts":{"install":"exit 1"}}',
      'package/index.js': 'module.exports = 42;',
    });
    // The library itself is ours, so npm must not be asked for it: its registry is out of reach here.
    await writeFile(path.join(dir, 'app/.npmrc'), 'registry=http://127.0.0.1:9/\nfetch-retries=0\n');
    await writeFile(path.join(dir, 'app/package.json'), '{"dependencies":{"local-package":"file:../package"}}');
    const progress: string[] = [];
    const built = await buildApp({ dir: path.join(dir, 'app'), onProgress: (message) => progress.push(message) });
    assert.equal((await evaluate(built.code)).values, 42);
    assert.deepEqual(built.installed, ['local-package']);
    assert.match(progress[0]!, /Installing 1 package: local-package/);
  });

  it('and in no package.json either are named, with the command that adds them', async () => {
    const error = await getFailure({ 'index.js': `\nimport x from 'left-pad/lib/x'; console.log(x);` });
    assert.equal(error.code, 'build_failed');
    assert.match(error.message, /left-pad.*npm install left-pad/);
  });

  it('but are provided by the platform are taken from it', async () => {
    const index = `import lodash from 'lodash'; import Ajv from 'ajv'; export const values = [lodash.get({ a: 1 }, 'a'), typeof Ajv];`;
    assert.deepEqual(await getValues({ 'index.js': index }, { cacheDir: path.join(root, 'cache') }), [1, 'function']);
  });

  it('and optional for a dependency fail only there', async () => {
    const files = {
      'index.js': `import dep from 'dep'; export const values = dep;`,
      'node_modules/dep/package.json': '{"name":"dep"}',
      'node_modules/dep/index.js': `try { require('not-there'); } catch (error) { module.exports = error.code; }`,
    };
    assert.equal(await getValues(files), 'MODULE_NOT_FOUND');
  });

  it('fail the build with what npm said', async () => {
    const error = await getFailure({
      'index.js': '',
      'package.json': '{"dependencies":{"nothing-here":"file:./missing-directory/package.tgz"}}',
    });
    assert.equal(error.code, 'build_failed');
    assert.match(error.message, /npm install/);
  });
});

describe('problems', () => {
  it('of syntax are shown with file, line and column', async () => {
    const error = await getFailure({
      'index.js': `import './lib/broken.js';`,
      'lib/broken.js': 'const a = 1;\nconst = 2;',
    });
    assert.equal(error.code, 'build_failed');
    assert.match(error.message, /^lib\/broken\.js:2:\d+ /);
  });

  it('of imports that cannot be found are shown with the file', async () => {
    const error = await getFailure({ 'index.js': `\n\nimport { a } from './nowhere.js'; console.log(a);` });
    assert.match(error.message, /^index\.js:3:\d+ .*nowhere\.js/);
  });

  it('with names that the library does not have are shown', async () => {
    const unknown = await getFailure({ 'index.js': `import { nope } from 'codehooks-js'; nope();` });
    assert.match(unknown.message, /^index\.js:1:\d+ .*no export "nope"/);
  });

  it('are no types that TypeScript hands on, and no names that nobody uses', async () => {
    const files = {
      'index.ts': `import { createStore, Store, Kind } from './stores/index';
        import { app, NoSuch, type Also } from 'codehooks-js';
        const store: Store = createStore(); export const values = [store.kind === Kind.Plain, typeof app];`,
      'stores/index.ts': `import { Store } from './store'; import { Plain } from './plain';
        export { Store } from './store'; export { Plain } from './plain'; export * from './kinds';
        export function createStore(): Store { return new Plain(); }`,
      'stores/store.ts': `import { Kind } from './kinds'; export interface Store { kind: Kind }`,
      'stores/plain.ts': `import { Store } from './store'; import { Kind } from './kinds';
        export class Plain implements Store { constructor(readonly kind = Kind.Plain) {} }`,
      'stores/kinds.ts': `export enum Kind { Plain = 'plain' } export type Name = string;`,
    };
    assert.deepEqual(await getValues(files), [true, 'object']);
    const used = await getFailure({
      'index.js': `import { Absent } from './b.js'; Absent();`,
      'b.js': 'export const a = 1;',
    });
    assert.match(used.message, /^index\.js:1:\d+ .*"Absent" is not exported/);
    const handedOn = { 'index.js': `export { Absent } from './b.js';`, 'b.js': 'export const a = 1;' };
    assert.match((await getFailure(handedOn)).message, /"Absent" is not exported/);
  });

  it('of parts that a package does not have, and of other names of the library, say what to write', async () => {
    const failWith = async (specifier: string) =>
      (await getFailure({ 'index.js': `import x from '${specifier}'; x();`, 'node_modules/own/package.json': '{}' }))
        .message;
    assert.match(await failWith('codehooks-js/router'), /1:\d+ .*"codehooks-js" has no "codehooks-js\/router"/);
    assert.match(await failWith('own/part'), /"own" has no "own\/part"/);
    assert.match(await failWith('absent/part'), /no package "absent" in node_modules/);
    for (const name of ['codehooks', '@codehooks/sdk']) {
      assert.match(await failWith(name), /no package ".*" to import: the library is "codehooks-js"/);
    }
  });

  it('in package.json are shown', async () => {
    assert.match((await getFailure({ 'index.js': '', 'package.json': '{' })).message, /package\.json is not JSON/);
  });
});

describe('stacks', () => {
  it('lead to the sources', async () => {
    const built = await build({
      'index.js': `import { fail } from './lib/fail.ts';\nexport const values = 1;\nexport default { routehooks: { x: [fail] } };`,
      'lib/fail.ts': `type A = string;\ninterface B { a: A }\nexport function fail(b: B): never {\n  throw new Error('thrown ' + b);\n}`,
    });
    const { default: manifest } = await evaluate(built.code);
    let stack = '';
    try {
      manifest.routehooks.x![0]!();
    } catch (error) {
      stack = (error as Error).stack!;
    }
    assert.match(stack, /app\.js:\d+/);
    assert.match(mapStack(stack, built.sourceMap), /lib\/fail\.ts:4:9/);
    assert.doesNotMatch(mapStack(stack, built.sourceMap), /app\.js/);
  });

  it('leave out what the platform did in between', async () => {
    const { sourceMap } = await build({ 'index.js': 'export const values = 1;' });
    const stack = [
      'Error: boom',
      '    at f (app.js:9999:1)',
      '    at runChain (file:///tmp/tackle-sandbox-x1/runtime.js:1480:20)',
      '    at AsyncLocalStorage.run (ext:deno_node/async_hooks.ts:1:1762)',
    ].join('\n');
    assert.equal(mapStack(stack, sourceMap), 'Error: boom\n    at f (app.js:9999:1)');
  });

  it('without positions of the bundle, or without a usable map, stay as they are', () => {
    assert.equal(mapStack('Error: x\n at y.js:1:1', '{}'), 'Error: x\n at y.js:1:1');
    assert.equal(mapStack('at app.js:1:1', 'no map'), 'at app.js:1:1');
  });
});
