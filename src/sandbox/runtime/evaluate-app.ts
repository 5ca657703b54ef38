import { compileFunction } from 'node:vm';

/**
 * Evaluates the code of the app and returns what it exports. The code is the body of a function, so positions in stacks are
 * positions in the code, and `Deno` is hidden from it: libraries that see it take paths which need permissions. (Taking it
 * from the global object would break the runtime's own modules, which look for it there.)
 */
export async function evaluateApp(code: string): Promise<unknown> {
  const globals = globalThis as { __tackleExports?: unknown };
  delete globals.__tackleExports;
  compileFunction(code, ['Deno'], { filename: 'app.js' })();
  const exports = await globals.__tackleExports;
  delete globals.__tackleExports;
  if (exports === undefined || exports === null) {
    throw new Error(
      'The code ran, but left no exports in globalThis.__tackleExports: it was not built by a known build',
    );
  }
  return exports;
}
