// Real gateway, real sandbox, real HTTP. Clients keep requests in flight while new versions go live.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { createTestSpace, makeTemporaryDirectory, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const deploys = 20;
const inFlight = 50;

/** An app that writes its version in several pieces, with pauses in which another version may go live. */
const appOf = (version: number) => `
import { app } from 'codehooks-js';
const version = ${version};
app.auth('/*', (req, res, next) => next());
app.post('/echo', (req, res) => res.json({ version, body: req.body }));
app.get('/version', async (req, res) => {
  res.set('content-type', 'text/plain');
  for (let part = 0; part < 4; part += 1) {
    res.write(version + ';');
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  res.end(String(version));
});
export default app.init();
`;

describe('deploys under load', () => {
  let gateway: GatewayProcess;
  let space: TestSpace;
  let directory: string;
  before(async () => {
    gateway = await startGateway();
    space = await createTestSpace(gateway, 'versions');
    directory = await makeTemporaryDirectory('versions');
  });
  after(async () => {
    await gateway.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function deploy(version: number): Promise<void> {
    const target = join(directory, String(version));
    await mkdir(target);
    await writeFile(join(target, 'index.js'), appOf(version));
    await writeFile(join(target, 'package.json'), '{"name":"v","type":"module","main":"index.js"}');
    const answer = await space.deploy(target, 'tackle');
    assert.equal(answer.status, 201, answer.text);
  }

  it(`answers every request, each by one version only, through ${deploys} deploys`, async () => {
    await deploy(0);
    let running = true;
    let newest = 0;
    const seen = new Set<string>();
    const failures: string[] = [];
    const client = async () => {
      while (running) {
        const liveBefore = newest;
        const answer = await space.request('/version', { anonymous: true });
        const parts = answer.text.split(';');
        if (answer.status !== 200 || parts.length !== 5 || new Set(parts).size !== 1) {
          failures.push(`${answer.status} ${answer.text.slice(0, 100)}`);
        } else if (Number(parts[0]) < liveBefore) {
          failures.push(`version ${parts[0]} answered after ${liveBefore} was live`);
        }
        seen.add(parts[0] as string);
      }
    };
    const clients = Array.from({ length: inFlight }, client);
    for (let version = 1; version <= deploys; version += 1) {
      await deploy(version);
      newest = version;
    }
    running = false;
    await Promise.all(clients);
    assert.deepEqual(failures.slice(0, 5), []);
    assert.ok(seen.size > 2, `only versions ${[...seen]} were seen`);
  });

  it('hands a body that is still arriving when a version goes live to the new one', async () => {
    const body = JSON.stringify({ text: 'slowly' });
    const upload = request(`${gateway.url}/p/${space.project}/${space.space}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    });
    const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
    upload.write(body.slice(0, 5));
    await deploy(deploys + 1);
    upload.end(body.slice(5));
    const [response] = await answered;
    assert.equal(response.statusCode, 200);
    assert.deepEqual(JSON.parse(await text(response)), { version: deploys + 1, body: { text: 'slowly' } });
  });

  it('keeps the old version serving when a new one throws at its start, and says where', async () => {
    const target = join(directory, 'broken');
    await mkdir(target);
    await writeFile(
      join(target, 'index.js'),
      "import { app } from 'codehooks-js';\n\nfunction explode() {\n  throw new Error('boom at start');\n}\nexplode();\nexport default app.init();\n",
    );
    const answer = await space.deploy(target, 'tackle');
    assert.equal(answer.status, 400);
    assert.equal(answer.json().error.code, 'deploy_failed');
    assert.match(answer.json().error.message, /boom at start/);
    assert.match(JSON.stringify(answer.json().error.details), /index\.js:4/);
    const still = await space.request('/version', { anonymous: true });
    assert.equal(still.text.split(';')[0], String(deploys + 1));
  });

  it('keeps the old version serving when the startup hook rejects', async () => {
    const target = join(directory, 'startup');
    await mkdir(target);
    await writeFile(
      join(target, 'index.js'),
      "import { app } from 'codehooks-js';\nexport default app.init(async () => {\n  throw new Error('no table');\n});\n",
    );
    const answer = await space.deploy(target, 'tackle');
    assert.equal(answer.status, 400);
    assert.match(answer.json().error.message, /Failed execution on deploy: no table/);
    assert.equal((await space.request('/version', { anonymous: true })).status, 200);
  });

  it('goes back to an earlier version and out of service on request', async () => {
    const back = await space.admin('POST', '/deployments/rollback', { version: 1 });
    assert.equal(back.status, 200, back.text);
    assert.equal((await space.request('/version', { anonymous: true })).text, '0;0;0;0;0');
    const unknown = await space.admin('POST', '/deployments/rollback', { version: 999 });
    assert.equal(unknown.status, 404);
    assert.equal((await space.admin('DELETE', '/deployments')).status, 200);
    assert.equal((await space.request('/version')).status, 404);
  });
});
