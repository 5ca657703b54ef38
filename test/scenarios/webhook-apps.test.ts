// Real gateway process, real sandbox, real HTTP. The apps are fixtures of the shape of public webhook receivers; the
// senders sign with node:crypto and with Stripe's own SDK. Every scenario runs with our build and as an original bundle.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import Stripe from 'stripe';
import { buildModes, deployFixture, type TestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

const hmac = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex');

for (const mode of buildModes) {
  describe(`a Discord receiver (${mode})`, () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const publicHex = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'discord', mode, { DISCORD_PUBLIC_KEY: publicHex });
    });
    const post = (body: string, tamper = '') => {
      const timestamp = '1700000000';
      const signature = sign(null, Buffer.from(timestamp + body), privateKey).toString('hex');
      return space.request('/interactions', {
        method: 'POST',
        anonymous: true,
        headers: {
          'content-type': 'application/json',
          'x-signature-ed25519': signature,
          'x-signature-timestamp': timestamp,
        },
        body: body + tamper,
      });
    };

    it('answers the ping and commands that carry a valid signature', async () => {
      assert.deepEqual((await post('{"type":1}')).json(), { type: 1 });
      const answer = (await post('{ "type": 2, "data": {"name":"x"} }')).json();
      assert.equal(answer.type, 4);
      assert.match(answer.data.content, /x/);
      assert.equal((await post('{"type":9}')).status, 400);
    });
    it('refuses missing and wrong signatures', async () => {
      assert.equal((await post('{"type":1}', ' ')).status, 401);
      const unsigned = await space.request('/interactions', { method: 'POST', anonymous: true, json: { type: 1 } });
      assert.equal(unsigned.status, 401);
    });
  });

  describe(`a GitHub receiver (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'github', mode, { GITHUB_SECRET: 'it is secret' });
    });
    const post = (body: string, signature: string | null) =>
      space.request('/github', {
        method: 'POST',
        anonymous: true,
        headers: {
          'content-type': 'application/json',
          ...(signature === null ? {} : { 'x-hub-signature-256': signature }),
        },
        body,
      });

    it('verifies the signature over the exact bytes, non-ASCII ones included', async () => {
      const body = '{ "zen":  "Ünïcödé ✓ 日本" }';
      const answer = await post(body, `sha256=${hmac('it is secret', body)}`);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json(), { received: true });
      assert.equal((await post(body, null)).status, 401);
      assert.equal((await post(body, `sha256=${hmac('other', body)}`)).status, 401);
    });
    it('survives a handler that throws, and answers 500', async () => {
      const answer = await post('{}', 'short');
      assert.equal(answer.status, 500);
      assert.equal(answer.json().fatal, true);
      const body = '{}';
      assert.equal((await post(body, `sha256=${hmac('it is secret', body)}`)).status, 200);
    });
  });

  describe(`a Slack receiver (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'slack', mode, { SLACK_SIGNING_SECRET: 'slack secret' });
    });
    const post = (payload: unknown, ageSeconds = 0) => {
      const body = JSON.stringify(payload);
      const timestamp = String(Math.floor(Date.now() / 1000) - ageSeconds);
      return space.request('/slack/events', {
        method: 'POST',
        anonymous: true,
        headers: {
          'content-type': 'application/json',
          'x-slack-request-timestamp': timestamp,
          'x-slack-signature': `v0=${hmac('slack secret', `v0:${timestamp}:${body}`)}`,
        },
        body,
      });
    };

    it('answers the handshake, acknowledges events, and refuses the rest', async () => {
      assert.deepEqual((await post({ type: 'url_verification', challenge: 'c1' })).json(), { challenge: 'c1' });
      const event = await post({ type: 'event_callback', event: { type: 'message' } });
      assert.equal(event.status, 200);
      assert.equal(event.text, 'OK');
      assert.equal((await post({ type: 'url_verification' }, 301)).status, 401);
      assert.equal((await post({ type: 'other' })).status, 400);
    });
  });

  describe(`a Stripe receiver (${mode})`, () => {
    let space: TestSpace;
    before(async () => {
      space = await deployFixture(gateway, 'stripe', mode, {
        STRIPE_WEBHOOK_SECRET: 'whsec_test',
        STRIPE_SECRET_KEY: 'sk_test_x',
      });
    });
    const body = '{"id": "evt_1",  "type":"customer.created","data":{"object":{"id":"cus_1"}}}';
    const post = (text: string, signature?: string) =>
      space.request('/webhook', {
        method: 'POST',
        anonymous: true,
        headers: {
          'content-type': 'application/json',
          ...(signature === undefined ? {} : { 'stripe-signature': signature }),
        },
        body: text,
      });

    it("accepts what Stripe's SDK signed, and refuses an altered byte and a missing header", async () => {
      const signature = new Stripe('sk_test_x').webhooks.generateTestHeaderString({
        payload: body,
        secret: 'whsec_test',
      });
      const accepted = await post(body, signature);
      assert.deepEqual([accepted.status, accepted.json()], [200, { received: true }]);
      const altered = await post(body.replace('cus_1', 'cus_2'), signature);
      assert.equal(altered.status, 400);
      assert.match(altered.text, /Webhook Error/);
      const missing = await post(body);
      assert.deepEqual([missing.status, missing.json().error], [400, 'Missing signature']);
    });
    it('keeps its other route private', async () => {
      const denied = await space.request('/', { anonymous: true });
      assert.deepEqual([denied.status, denied.json()], [401, { error: 'Authentication failed' }]);
      assert.equal((await space.request('/')).status, 200);
    });
  });
}
