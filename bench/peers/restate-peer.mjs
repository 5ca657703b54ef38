// Restate: node restate-peer.mjs <ingress url> <workflows> <admin url>. Service and client are this process.
import { createServer } from 'node:http2';
import * as restate from '@restatedev/restate-sdk';
import { measureWorkflows } from './workflow-rounds.mjs';

const [ingress, workflows, admin] = process.argv.slice(2);
const three = restate.service({
  name: 'three',
  handlers: {
    run: async (ctx, n) => {
      const one = await ctx.run('one', () => n + 1);
      const two = await ctx.run('two', () => one + 1);
      return ctx.run('three', () => two + 1);
    },
  },
});
const server = createServer(restate.createEndpointHandler({ services: [three] }));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const post = async (url, body) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
};
await post(`${admin}/deployments`, { uri: `http://127.0.0.1:${server.address().port}` });
const runOne = (n) => post(`${ingress}/three/run`, n);
const result = await measureWorkflows(runOne, { count: Number(workflows), concurrency: 64, lone: 100 });
process.send(result, () => process.exit(0));
