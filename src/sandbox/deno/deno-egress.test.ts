// Outgoing connections of apps. Real: Deno processes, the guard, sockets, HTTP and WebSocket servers on loopback. Fake: name
// resolution (a table).
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAddressGuard, createDialer, type LookupAll, openOutboundHttp } from '../../egress/index.ts';
import { describeEgress, type NameTable } from '../conformance/egress-suite.ts';
import { type EgressEvent, openDenoSandbox } from './open-deno-sandbox.ts';

const abiModule = fileURLToPath(new URL('../testing/echo-abi.ts', import.meta.url));
const cacheDir = join(tmpdir(), 'tackle-test-runtime');

function tableLookup(names: NameTable): LookupAll {
  return async (hostname) => {
    const answers = hostname === 'localhost' ? [['127.0.0.1', '::1']] : names[hostname];
    if (!answers) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
}

const reported: EgressEvent[] = [];

// What the suite tried is what the gateway was told.
after(() => {
  for (const kind of ['fetch', 'tcp', 'dns'] as const) {
    const ofKind = reported.filter((event) => event.kind === kind);
    const refused = ofKind.filter(({ refusal }) => refusal !== null);
    assert.ok(refused.length > 0, `a refused ${kind} is reported`);
    for (const { refusal } of refused) assert.match(refusal ?? '', /not allowed|is not the name of a host/);
  }
});

describeEgress((names, ownPorts) => {
  const dialer = createDialer(createAddressGuard({ ownPorts: () => ownPorts }), tableLookup(names));
  return openDenoSandbox({
    cacheDir,
    abiModule,
    dialer,
    outboundHttp: openOutboundHttp(dialer),
    onEgress: (event) => void reported.push(event),
  });
});
