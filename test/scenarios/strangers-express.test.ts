// Apps whose authors think in Express: middleware from npm that wraps `res`, sessions, uploads, path rules before codehooks-crudlify.
// Real gateway process, sandbox, HTTP and npm packages; the storage service that one app calls is a server on loopback.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { buildModes, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { deployStranger } from '../support/strangers.ts';

let gateway: GatewayProcess;
const storage = createServer((request, response) => {
  const isKnown = request.headers.authorization === `Basic ${btoa('key:storage')}`;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(isKnown ? { url: 'https://files.example', token: 't' } : {}));
});
before(async () => {
  await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve));
  gateway = await startGateway();
});
after(async () => {
  storage.closeAllConnections();
  await new Promise((resolve) => storage.close(resolve));
  await gateway.stop();
});

/** As identity providers make them; nobody here verifies it. */
function makeToken(sub: string): string {
  const parts = [{ alg: 'none' }, { sub }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return `Bearer ${parts.join('.')}.x`;
}

function multipart(fields: Record<string, string>, file: { name: string; text: string }): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--X\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = `--X\r\ncontent-disposition: form-data; name="page"; filename="${file.name}"\r\n\r\n`;
  return `${parts.join('')}${head}${file.text}\r\n--X--\r\n`;
}

for (const mode of buildModes) {
  describe(`a class project over codehooks-crudlify with tokens of an identity provider (${mode})`, () => {
    let space: TestSpace;
    const ids: string[] = [];
    before(async () => {
      const url = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
      space = await deployStranger(gateway, 'wardrobe', mode, { STORAGE_KEY: 'storage', STORAGE_URL: url });
      assert.equal((await space.admin('PUT', '/egress', { cidrs: ['127.0.0.1/32'] })).status, 200);
    });
    const call = (method: string, path: string, json?: unknown, authorization = makeToken('ann')) =>
      space.request(path, { method, json, headers: { authorization } });

    it('writes the owner into what is created, whatever the client sends', async () => {
      const created = await call('POST', '/garments', { _id: 'mine', owner: 'bob', name: 'shirt', kind: 'top' });
      const { _id, owner, washed, addedOn } = created.json();
      assert.deepEqual([created.status, owner, washed], [201, 'ann', true]);
      assert.match(_id, /^[0-9a-f]{24}$/);
      assert.ok(Date.parse(addedOn) > 0);
      const invalid = await call('POST', '/garments', { name: 'fedora', kind: 'hat' });
      assert.deepEqual([invalid.status, /kind must be one of/.test(invalid.text)], [400, true]);
      const quick = await call('POST', '/quick', { name: 'boots', kind: 'shoes' });
      assert.equal(quick.status, 201);
      ids.push(_id, quick.json()._id);
    });
    it('lets owners see, change and remove what is theirs', async () => {
      const names = async (sub: string) =>
        (await call('GET', '/garments?sort=name', undefined, makeToken(sub)))
          .json()
          .map(({ name }: { name: string }) => name);
      assert.deepEqual([await names('ann'), await names('bob')], [['boots', 'shirt'], []]);
      const foreign = await call('GET', `/garments/${ids[0]}`, undefined, makeToken('bob'));
      assert.deepEqual([foreign.status, foreign.json()], [403, { error: 'Forbidden' }]);
      assert.equal((await call('PATCH', `/garments/${ids[0]}`, { washed: false })).json().washed, false);
      assert.equal((await call('GET', '/garments/none')).status, 404);
    });
    it('queries lists in middleware and answers there', async () => {
      const outfit = (await call('POST', '/outfits', { name: 'both', parts: ids })).json();
      assert.deepEqual((await call('GET', `/outfits?contains=${ids[1]}`)).json(), [outfit]);
      assert.deepEqual((await call('GET', '/outfits?contains=none')).json(), []);
      const parts = (await call('GET', `/parts_of/${outfit._id}`)).json();
      assert.deepEqual(
        parts.map(({ name }: { name: string }) => name),
        ['boots', 'shirt'],
      );
    });
    it('asks its storage service, and survives its own mistakes', async () => {
      const answer = await call('GET', '/upload_url');
      assert.deepEqual(answer.json(), { url: 'https://files.example/upload', token: 't' });
      assert.equal((await call('GET', '/garments', undefined, 'Bearer nonsense')).status, 400);
      for (const path of ['/broken', '/parts_of/none']) assert.equal((await call('GET', path)).status, 500);
      assert.equal((await call('DELETE', `/garments/${ids[0]}`)).status, 200);
    });
  });

  describe(`an intranet of Express middleware (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployStranger(gateway, 'intranet', mode);
    });
    const get = (path: string, headers: Record<string, string> = {}) =>
      space.request(path, { anonymous: true, headers });

    it('keeps people logged in by cookies of its middleware and its own', async () => {
      assert.equal((await get('/account')).status, 401);
      const headers = { 'x-real-ip': '192.0.2.7' };
      const login = await space.request('/account/login', { method: 'POST', json: { name: 'Ann' }, headers });
      assert.deepEqual([login.status, login.headers.location], [303, '/account']);
      const cookies = [login.headers['set-cookie'] ?? []].flat();
      assert.equal(cookies.length, 2);
      assert.match(cookies.join('\n'), /^connect\.sid=s%3A/m);
      assert.match(cookies.join('\n'), /^theme=j%3A.*; Max-Age=60; Path=\/; Expires=.* GMT; HttpOnly; SameSite=Lax$/m);
      const cookie = cookies.map((text) => text.split(';')[0]).join('; ');
      const seen = [(await get('/account', { cookie })).json(), (await get('/account', { cookie })).json()];
      const [first] = seen;
      assert.deepEqual(
        [seen.map(({ visits }) => visits), first.user.name, first.theme],
        [[1, 2], 'Ann', { dark: true }],
      );
      const logout = await space.request('/account/logout', { method: 'POST', headers: { cookie } });
      assert.match(String(logout.headers['set-cookie']), /theme=; Path=\/; Expires=Thu, 01 Jan 1970/);
      assert.equal((await get('/account', { cookie })).status, 401);
    });
    it('carries the headers that middleware adds when the head goes out', async () => {
      const answer = await get('/reports/pages');
      assert.match(String(answer.headers['x-response-time']), /^[\d.]+ms$/);
      assert.ok(answer.headers['content-security-policy']);
      assert.match(String(answer.headers.vary), /Accept\b/);
    });
    it('signs cookies, and does not believe what was changed', async () => {
      const made = await space.request('/badge', { method: 'POST', json: { name: 'Ann B.' } });
      const cookies = [made.headers['set-cookie'] ?? []].flat().map((text) => text.split(';')[0]!);
      assert.match(cookies[0]!, /^badge=s%3AAnn%20B\.\.[\w%]{40,}$/);
      const cookie = cookies.join('; ');
      const read = async (text: string) => (await get('/badge', { cookie: text })).json();
      assert.deepEqual(await read(cookie), { signed: { badge: 'Ann B.', seat: { row: 3 } }, plain: {} });
      assert.equal((await read(cookie.replace('Ann', 'Eve'))).signed.badge, false);
    });
    it('keeps a basket in a cookie of its own', async () => {
      const add = (item: string, cookie = '') =>
        space.request('/basket', { method: 'POST', json: { item }, headers: cookie === '' ? {} : { cookie } });
      const pairsOf = (answer: Awaited<ReturnType<typeof add>>) =>
        [answer.headers['set-cookie'] ?? []].flat().map((text) => text.split(';')[0]!);
      const first = await add('tea');
      assert.deepEqual(
        pairsOf(first).map((text) => text.split('=')[0]),
        ['basket', 'basket.sig'],
      );
      const second = await add('milk', pairsOf(first).join('; '));
      assert.deepEqual(second.json(), ['tea', 'milk']);
      const cookie = pairsOf(second).join('; ');
      assert.deepEqual((await get('/basket', { cookie })).json().items, ['tea', 'milk']);
      const [, signature] = pairsOf(second);
      const forged = `basket=${btoa(JSON.stringify({ items: ['gold'] }))}; ${signature}`;
      assert.deepEqual((await get('/basket', { cookie: forged })).json(), { items: [], isNew: true });
    });
    it('answers in the format that the client takes', async () => {
      const page = await get('/handbook', { accept: 'text/html' });
      assert.deepEqual([page.headers['content-type'], page.headers.vary], ['text/html; charset=utf-8', 'Accept']);
      assert.match(page.text, /Be kind — and/);
      assert.deepEqual((await get('/handbook', { accept: 'application/json' })).json(), { title: 'Handbook' });
      const text = await get('/handbook', { accept: 'text/plain;q=0.9, text/html;q=0.1' });
      assert.deepEqual([text.headers['content-type'], text.text], ['text/plain; charset=utf-8', 'Handbook — the text']);
      assert.equal((await get('/handbook', { accept: 'image/png' })).status, 406);
    });
    it('sends files below a directory and nothing else, in part and only when they changed', async () => {
      const whole = await get('/files/handbook.html');
      const { etag, 'last-modified': modified, 'content-length': length } = whole.headers;
      assert.deepEqual([whole.status, Number(length)], [200, whole.bytes.length]);
      assert.deepEqual([whole.headers['x-from'], whole.headers['cache-control']], ['files', 'public, max-age=5']);
      const part = await get('/files/handbook.html', { range: 'bytes=2-8' });
      assert.deepEqual([part.status, part.text], [206, whole.text.slice(2, 9)]);
      assert.equal((await get('/files/handbook.html', { range: 'bytes=9999-' })).status, 416);
      for (const [name, value] of [['if-none-match', etag] as const, ['if-modified-since', modified] as const]) {
        const answer = await get('/files/handbook.html', { [name]: String(value) });
        assert.deepEqual([answer.status, answer.text], [304, '']);
      }
      const refused = ['..%2Fpackage.json', '%2E%2E%2Fpackage.json', '.%2F..%2Fpackage.json', '.env', 'none.html'];
      const statuses = await Promise.all(refused.map(async (name) => (await get(`/files/${name}`)).status));
      assert.deepEqual(statuses, [403, 403, 403, 404, 404]);
    });
    it('sends what it stored, for the browser to save', async () => {
      const body = `${'x'.repeat(1_500_000)}end`;
      const headers = { 'content-type': 'application/octet-stream' };
      assert.equal((await space.request('/minutes/may.txt', { method: 'POST', headers, body })).status, 201);
      const answer = await get('/minutes/may.txt');
      assert.equal(
        answer.headers['content-disposition'],
        `attachment; filename="Protokoll f?r may.txt"; filename*=UTF-8''Protokoll%20f%C3%BCr%20may.txt`,
      );
      assert.deepEqual([answer.text === body, answer.headers['content-length']], [true, '1500003']);
      assert.equal((await get('/minutes/may.txt', { range: 'bytes=1499998-' })).text, 'xxend');
      const gone = await get('/minutes/june.txt');
      assert.deepEqual([gone.status, gone.json()], [404, { gone: 'ENOENT' }]);
    });
    it('limits attempts', async () => {
      const texts: string[] = [];
      for (let attempt = 0; attempt < 4; attempt += 1) {
        texts.push((await space.request('/login', { method: 'POST', anonymous: true })).text);
      }
      assert.deepEqual(texts.slice(0, 3), ['2 left', '1 left', '0 left']);
      assert.match(texts[3]!, /Too many requests/);
    });
    it('reads uploads with multer and cheerio', async () => {
      const send = (text: string) =>
        space.request('/pages', {
          method: 'POST',
          headers: { 'content-type': 'multipart/form-data; boundary=X' },
          body: multipart({ folder: 'news' }, { name: 'a.html', text }),
        });
      const made = await send('<h1>Hello</h1><a href="/">home</a>');
      assert.equal(made.status, 201, made.text);
      assert.deepEqual(made.json(), { title: 'Hello', links: 1, folder: 'news' });
      assert.match(String(made.headers.location), /^\/pages\/[0-9a-f]{24}$/);
      const large = await send('x'.repeat(2000));
      assert.deepEqual([large.status, large.json()], [413, { error: 'File too large' }]);
    });
    it('answers compressed what middleware compresses, whole or as a stream, and errors plain', async () => {
      for (const path of ['/reports/pages', '/reports/stream']) {
        const answer = await get(path, { 'accept-encoding': 'gzip' });
        assert.equal(answer.headers['content-encoding'], 'gzip', path);
        assert.equal(JSON.parse(gunzipSync(answer.bytes).toString())[0].title, 'Hello');
      }
      const csv = await get('/reports/pages', { accept: 'text/csv' });
      assert.deepEqual(
        [csv.headers['content-disposition'], csv.text],
        ['attachment; filename="pages.csv"', 'title\nHello'],
      );
      const broken = await get('/reports/broken', { 'accept-encoding': 'gzip' });
      assert.deepEqual([broken.status, broken.json().fatal], [500, true]);
      assert.equal(broken.headers['content-encoding'], undefined);
    });
  });
}
