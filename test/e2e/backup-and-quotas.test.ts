// Real gateway and the real command line: a backup taken while it runs, restored into a new home; quotas of a space.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deployFixture, makeTemporaryDirectory, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const run = promisify(execFile);
const tackle = join(import.meta.dirname, '../../bin/tackle');

describe('backup and restore', () => {
  let directory: string;
  let gateway: GatewayProcess;
  let space: TestSpace;
  before(async () => {
    directory = await makeTemporaryDirectory('backup');
    gateway = await startGateway();
    space = await deployFixture(gateway, 'queued', 'tackle');
  });
  after(async () => {
    await gateway.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const env = () => ({ ...process.env, TACKLE_HOME: gateway.home });

  it('brings documents, app and settings back in another home, where nothing is done twice until it is told to', async () => {
    assert.equal((await space.request('/notes', { method: 'POST', json: { text: 'kept' } })).status, 201);
    const archive = join(directory, 'backup.tar');
    await run(tackle, ['backup', archive, '--with-key'], { env: env() });
    assert.equal((await space.request('/notes', { method: 'POST', json: { text: 'after' } })).status, 201);
    const home = join(directory, 'restored');
    await run(tackle, ['restore', archive, '--home', home], { env: process.env });

    const paused = await startGateway({ home });
    const notes = async (at: GatewayProcess) => {
      const answer = await fetch(`${at.url}/p/${space.project}/dev/notes`, { headers: { 'x-apikey': space.token } });
      return (await answer.json()) as { text: string; handled?: boolean }[];
    };
    assert.deepEqual(
      (await notes(paused)).map((note) => note.text),
      ['kept'],
    );
    const posted = await fetch(`${paused.url}/p/${space.project}/dev/enqueue`, {
      method: 'POST',
      headers: { 'x-apikey': space.token },
    });
    assert.equal(posted.status, 200);
    await delay(300);
    assert.equal((await notes(paused))[0]?.handled, undefined, 'a worker ran in a home that is paused');
    await paused.stop();

    const resumed = await startGateway({ home, args: ['--resume'] });
    for (let tries = 0; (await notes(resumed))[0]?.handled !== true; tries += 1) {
      assert.ok(tries < 100, 'the task that was kept was never run');
      await delay(50);
    }
    await resumed.stop();
  });
});

describe('quotas of a space', () => {
  it('refuse what makes it grow beyond them, and let go on what makes it smaller', async () => {
    const gateway = await startGateway();
    try {
      const space = await deployFixture(gateway, 'queued', 'tackle');
      await space.admin('PUT', '/quotas', { maxDocuments: 3 });
      let refused = 0;
      for (let tries = 0; tries < 200 && refused === 0; tries += 1) {
        const answer = await space.request('/notes', { method: 'POST', json: { text: `note ${tries}` } });
        if (answer.status !== 201) {
          refused += 1;
          assert.match(answer.text, /quota is 3/);
        } else await delay(20);
      }
      assert.equal(refused, 1, 'nothing was refused');
      const [first] = (await space.request('/notes')).json();
      assert.equal((await space.request(`/notes/${first._id}`, { method: 'DELETE' })).status, 200);
    } finally {
      await gateway.stop();
    }
  });
});
