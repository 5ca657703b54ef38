// Ways out of the sandbox. Real: Deno processes, once with every layer of isolation that this machine has and once with
// Deno's permissions alone. Fake: the ABI, the host functions. As root the processes run under users of their own, so that
// limits bind.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeContainment, describeEscapes } from '../conformance/escape-suite.ts';
import { openDenoSandbox } from './open-deno-sandbox.ts';

const abiModule = fileURLToPath(new URL('../testing/echo-abi.ts', import.meta.url));
const cacheDir = join(tmpdir(), 'tackle-test-runtime');

describeEscapes('every layer', () => openDenoSandbox({ cacheDir, abiModule }));
describeEscapes('permissions alone', () => openDenoSandbox({ cacheDir, abiModule, isolation: 'deno' }));
describeContainment(() => openDenoSandbox({ cacheDir, abiModule }));
