// The sandbox port on Deno. Real: Deno processes, their sockets and all layers of isolation that this machine has. Fake:
// the ABI (the smallest one, `sandbox/testing/echo-abi.ts`) and the host functions.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeProcesses } from '../conformance/process-suite.ts';
import { openDenoSandbox } from './open-deno-sandbox.ts';

const abiModule = fileURLToPath(new URL('../testing/echo-abi.ts', import.meta.url));
const cacheDir = join(tmpdir(), 'tackle-test-runtime');

describeProcesses(() => openDenoSandbox({ cacheDir, abiModule }));
