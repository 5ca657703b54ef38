// Real gateway; the examples are deployed with the command line, as their readers would.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

describe('the examples', () => {
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.stop());

  async function deployExample(name: string): Promise<TestSpace> {
    const space = await createTestSpace(gateway, name);
    const args = ['deploy', '--dir', join(root, 'examples', name), '--project', space.project, '--json'];
    const { stdout } = await run(join(root, 'bin/tackle'), args, {
      env: { ...process.env, TACKLE_HOME: gateway.home },
    });
    assert.equal(JSON.parse(stdout).deployment.version, 1);
    return space;
  }

  it('hello: answers anybody', async () => {
    const space = await deployExample('hello');
    assert.deepEqual((await space.request('/hello', { anonymous: true })).json(), { message: 'Hello world!' });
    assert.deepEqual((await space.request('/hello?name=Ada', { anonymous: true })).json(), { message: 'Hello Ada!' });
  });

  it('rest-api: creates, lists, changes and removes notes for whoever has a token', async () => {
    const space = await deployExample('rest-api');
    assert.equal((await space.request('/notes', { anonymous: true })).status, 401);
    const refused = await space.request('/notes', { method: 'POST', json: { title: '' } });
    assert.equal(refused.status, 400);
    const created = await space.request('/notes', { method: 'POST', json: { title: 'Milk' } });
    assert.equal(created.status, 201);
    const { _id } = created.json();
    const done = await space.request(`/notes/${_id}`, { method: 'PATCH', json: { done: true } });
    assert.equal(done.json().done, true);
    assert.equal((await space.request('/notes?done=true')).json().length, 1);
    assert.equal((await space.request('/notes?done=false')).json().length, 0);
    assert.equal((await space.request(`/notes/${_id}`, { method: 'DELETE' })).status, 200);
    assert.equal((await space.request(`/notes/${_id}`)).status, 404);
  });
});
