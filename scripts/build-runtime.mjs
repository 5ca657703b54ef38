// Builds into node_modules/.cache/tackle what would otherwise slow down a first start or deploy: the JavaScript that runs
// inside sandbox processes, our library as one module, and the packages that bundles of the original library need. Does
// nothing when it is there and its sources have not changed. Needs Node 24.
import { prebuildLibraries } from '../src/apps/build/prebuild.ts';
import { prebuildRuntime } from '../src/sandbox/deno/build-runtime.ts';

await Promise.all([prebuildRuntime(), prebuildLibraries()]);
