import { deno } from './deno-api.ts';
import type { AbiFactory } from './runtime-types.ts';
import { serveGateway } from './serve-gateway.ts';

/**
 * What a sandbox process runs: connects, gives up every permission, waits for the code of an app, and serves it. The entry
 * that calls this with the ABI is made by the build (`sandbox/deno/build-runtime.ts`).
 */
export async function run(abi: AbiFactory): Promise<void> {
  const path = deno.args[0];
  if (!path) throw new Error('The path of the control socket is missing');
  const connection = await deno.connect({ transport: 'unix', path });
  for (const name of ['net', 'read', 'write', 'env', 'run', 'sys', 'ffi', 'import'])
    deno.permissions.revokeSync({ name });
  await serveGateway(connection, abi);
  deno.exit(0);
}
