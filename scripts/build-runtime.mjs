// Builds the JavaScript that runs inside sandbox processes into node_modules/.cache/tackle, so that the first start of a
// gateway does not have to. Does nothing when it is there and its sources have not changed. Needs Node 24.
import { prebuildRuntime } from '../src/sandbox/deno/build-runtime.ts';

await prebuildRuntime();
