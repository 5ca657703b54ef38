// Real gateway and sandbox; the payloads of @octokit/webhooks-examples, signed by @octokit/webhooks-methods, through the
// example app of the README.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sign } from '@octokit/webhooks-methods';
import { createTestSpace, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

interface WebhookDefinition {
  readonly name: string;
  readonly examples: readonly object[];
}

const definitions = createRequire(import.meta.url)('@octokit/webhooks-examples') as WebhookDefinition[];
const secret = 'a secret between two';

describe('the GitHub webhook example', () => {
  let gateway: GatewayProcess;
  let space: TestSpace;
  before(async () => {
    gateway = await startGateway();
    space = await createTestSpace(gateway, 'octokit');
    await space.setEnv({ GITHUB_WEBHOOK_SECRET: secret });
    const answer = await space.deploy(join(import.meta.dirname, '../../examples/github-webhook'), 'tackle');
    assert.equal(answer.status, 201, answer.text);
  });
  after(() => gateway.stop());

  const post = async (event: string, delivery: string, body: string, signature: string) =>
    space.request('/webhook', {
      method: 'POST',
      anonymous: true,
      headers: {
        'content-type': 'application/json',
        'x-github-event': event,
        'x-github-delivery': delivery,
        'x-hub-signature-256': signature,
      },
      body,
    });

  it('stores every push, pull_request and issues payload, and gives it back byte for byte', async () => {
    const sent = new Map<string, string>();
    for (const { name, examples } of definitions) {
      if (!['push', 'pull_request', 'issues'].includes(name)) continue;
      for (const [index, example] of examples.entries()) {
        const body = JSON.stringify(example);
        const delivery = `${name}-${index}`;
        const answer = await post(name, delivery, body, await sign(secret, body));
        assert.equal(answer.status, 201, answer.text);
        sent.set(delivery, body);
      }
    }
    assert.ok(sent.size > 20, `only ${sent.size} payloads`);
    const stored = (await space.admin('POST', '/collections/github_events/query', {})).json();
    assert.equal(stored.length, sent.size);
    for (const event of stored) {
      assert.equal(event.raw, sent.get(event.delivery));
      assert.equal(JSON.stringify(event.payload), sent.get(event.delivery));
    }
  });

  it('answers 401 to a wrong signature and to none, and stores nothing', async () => {
    const before = (await space.admin('POST', '/collections/github_events/query', { count: true })).json().count;
    const signature = await sign('another secret', '{}');
    assert.equal((await post('push', 'forged', '{}', signature)).status, 401);
    assert.equal((await post('push', 'forged', '{}', '')).status, 401);
    const after = (await space.admin('POST', '/collections/github_events/query', { count: true })).json().count;
    assert.equal(after, before);
  });
});
