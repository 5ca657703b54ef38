/**
 * Which built-in modules app code gets from `require`, and how.
 *
 * - `native`: the runtime's own module; pure, or of no use without permissions that the process does not have.
 * - `shim`: ours, over the channel (network) or over nothing (`os`, `process`, `fs`).
 * - `refused`: loads, so that libraries which probe for it keep working, and every function of it throws when called.
 */
export type BuiltinKind = 'native' | 'shim' | 'refused';

export const builtinModules: Readonly<Record<string, BuiltinKind>> = {
  assert: 'native',
  'assert/strict': 'native',
  async_hooks: 'native',
  buffer: 'native',
  child_process: 'refused',
  cluster: 'refused',
  console: 'shim',
  constants: 'native',
  crypto: 'native',
  dgram: 'refused',
  diagnostics_channel: 'native',
  dns: 'shim',
  'dns/promises': 'shim',
  domain: 'native',
  events: 'native',
  fs: 'shim',
  'fs/promises': 'shim',
  http: 'shim',
  http2: 'refused',
  https: 'shim',
  inspector: 'refused',
  'inspector/promises': 'refused',
  module: 'shim',
  net: 'shim',
  os: 'shim',
  path: 'native',
  'path/posix': 'native',
  'path/win32': 'native',
  perf_hooks: 'native',
  process: 'shim',
  punycode: 'native',
  querystring: 'native',
  readline: 'refused',
  'readline/promises': 'refused',
  repl: 'refused',
  sqlite: 'refused',
  stream: 'native',
  'stream/consumers': 'native',
  'stream/promises': 'native',
  'stream/web': 'native',
  string_decoder: 'native',
  sys: 'native',
  test: 'refused',
  timers: 'native',
  'timers/promises': 'native',
  tls: 'shim',
  trace_events: 'refused',
  tty: 'shim',
  url: 'native',
  util: 'native',
  'util/types': 'native',
  v8: 'refused',
  vm: 'refused',
  wasi: 'refused',
  worker_threads: 'shim',
  zlib: 'native',
};

/** The name without `node:`, when it is a built-in module; null when it is none. */
export function builtinName(specifier: string): string | null {
  const name = specifier.startsWith('node:') ? specifier.slice(5) : specifier;
  return Object.hasOwn(builtinModules, name) ? name : null;
}
