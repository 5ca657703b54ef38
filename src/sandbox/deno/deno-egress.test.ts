// Outgoing connections of apps. Real: Deno processes, the guard, sockets, HTTP and WebSocket servers on loopback. Fake: name
// resolution (a table).
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAddressGuard, createDialer, type LookupAll, openOutboundHttp } from '../../egress/index.ts';
import { describeEgress, type NameTable } from '../conformance/egress-suite.ts';
import { openDenoSandbox } from './open-deno-sandbox.ts';

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

describeEgress((names, ownPorts) => {
  const dialer = createDialer(createAddressGuard({ ownPorts: () => ownPorts }), tableLookup(names));
  return openDenoSandbox({ cacheDir, abiModule, dialer, outboundHttp: openOutboundHttp(dialer) });
});
