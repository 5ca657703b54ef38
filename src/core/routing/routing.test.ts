// Pure: path patterns and route selection of app manifests. Nothing is faked.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compilePathPattern } from './path-pattern.ts';
import { parseQueryString } from './query-string.ts';
import { createRouteTable } from './route-table.ts';

const matches = (pattern: string, path: string) => compilePathPattern(pattern).match(path);

describe('path patterns', () => {
  it('match one segment per parameter, dots included, and decode it', () => {
    assert.deepEqual({ ...matches('/usage/:type', '/usage/api.calls') }, { type: 'api.calls' });
    assert.deepEqual({ ...matches('/x/:id.json', '/x/7.json') }, { id: '7' });
    assert.deepEqual({ ...matches('/x/:a/:b', '/x/a%20b/2') }, { a: 'a b', b: '2' });
    assert.equal(matches('/x/:id', '/x/1/2'), null);
    assert.equal(matches('/x/:id', '/x'), null);
  });
  it('treat a star as any characters, also glued and empty', () => {
    for (const path of ['/', '/a', '/a/b']) assert.ok(matches('/*', path), path);
    for (const path of ['/app', '/app/', '/apple/x']) assert.ok(matches('/app*', path), path);
    assert.ok(matches('/auth/*', '/auth/'));
    assert.equal(matches('/auth/*', '/auth'), null);
  });
  it('ignore letter case and one trailing slash, and take other characters literally', () => {
    assert.ok(matches('/Hello', '/hello/'));
    assert.ok(matches('/hello/', '/hello'));
    assert.equal(matches('/a.b', '/axb'), null);
    assert.equal(matches('/a.b/*', '/axb/c'), null);
    assert.ok(matches('/(x)+/:id', '/(x)+/1'));
  });
  it('take regular expression keys with flags', () => {
    assert.deepEqual({ ...matches('{"$regex":"/^\\\\/v(?<version>\\\\d+)$/i"}', '/V12') }, {});
    assert.equal(matches('{"$regex":"/^\\\\/about/"}', '/x'), null);
  });
  it('keep a malformed escape instead of failing', () => {
    assert.deepEqual({ ...matches('/x/:id', '/x/%zz') }, { id: '%zz' });
  });
  it('cost a bounded time, whatever the app wrote', () => {
    const long = `/${'a'.repeat(8000)}`;
    const started = performance.now();
    assert.equal(matches('/*a*a*a*a*a*b', long), null);
    assert.equal(matches('/:a:b:c:d:e/x', long), null);
    assert.equal(matches('{"$regex":"/^\\\\/(a+)+$/"}', `${long}!`), null);
    assert.ok(performance.now() - started < 2000);
  });
  it('never throw and never hang for any pattern and path', () => {
    fc.assert(
      fc.property(fc.string(), fc.webPath(), (pattern, path) => {
        compilePathPattern(`/${pattern}`).match(path);
      }),
    );
  });
});

describe('the route table', () => {
  const table = createRouteTable({
    routes: ['GET /:collection', 'GET /docs', 'POST /:collection', '* /form/:id', 'GET /docs/*'],
    auths: ['/api/app', '/api/*'],
    middleware: [null, '/form/*', '{"$regex":"/docs/"}'],
  });
  it('prefers a literal path to patterns registered earlier, and otherwise keeps registration order', () => {
    assert.equal(table.findRoute('GET', '/docs')?.index, 1);
    assert.equal(table.findRoute('GET', '/other')?.index, 0);
    assert.equal(table.findRoute('GET', '/docs/x')?.index, 4);
    assert.equal(table.findRoute('DELETE', '/other'), null);
  });
  it('answers HEAD with GET routes and OPTIONS with app.all routes only', () => {
    assert.equal(table.findRoute('HEAD', '/docs')?.index, 1);
    assert.equal(table.findRoute('OPTIONS', '/form/1')?.index, 3);
    assert.equal(table.findRoute('OPTIONS', '/docs'), null);
    assert.equal(table.handlesOptions('/form/1'), true);
    assert.equal(table.handlesOptions('/docs'), false);
  });
  it('finds the first matching auth hook and every matching middleware', () => {
    assert.equal(table.findAuthHook('/api/app'), 0);
    assert.equal(table.findAuthHook('/api/other'), 1);
    assert.equal(table.findAuthHook('/other'), null);
    assert.deepEqual(table.findMiddleware('/form/1'), [0, 1]);
    assert.deepEqual(table.findMiddleware('/docs'), [0, 2]);
  });
});

describe('the query string', () => {
  it('keeps operator characters in keys and makes arrays of repeated keys', () => {
    assert.deepEqual(parseQueryString('age>=2&name!=x&tag=a&tag=b&flag'), {
      'age>': '2',
      'name!': 'x',
      tag: ['a', 'b'],
      flag: '',
    });
  });
  it('decodes escapes and plus signs, and keeps what is malformed', () => {
    assert.deepEqual(parseQueryString('a=b+c%20d&b=%zz'), { a: 'b c d', b: '%zz' });
  });
  it('treats __proto__ as a plain key', () => {
    const query = parseQueryString('__proto__=x');
    assert.equal(Object.getPrototypeOf(query), Object.prototype);
    assert.deepEqual(Object.entries(query), [['__proto__', 'x']]);
  });
});
