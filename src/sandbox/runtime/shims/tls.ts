import type { Duplex } from 'node:stream';
import type { NetShim } from './net.ts';
import { refusedFunction } from './refused.ts';

type NativeConnect = (options: object, onSecure?: () => void) => Duplex;

export interface TlsShim {
  readonly module: Record<string, unknown>;
  connect(options: TlsOptions, onSecure?: () => void): Duplex;
}

interface TlsOptions {
  readonly host?: string;
  readonly port?: number | string;
  readonly servername?: string;
  readonly socket?: Duplex;
}

/** `tls` inside the process, over a connection that the gateway made: the gateway sees cipher text only. */
export function createTls(net: NetShim, native: Record<string, unknown>): TlsShim {
  const nativeConnect = native.connect as NativeConnect;
  const connect = (options: TlsOptions, onSecure?: () => void): Duplex => {
    const { host = 'localhost', socket, ...rest } = options;
    const servername = options.servername ?? (/^[\d.]+$|:/.test(host) ? undefined : host);
    const transport = socket ?? net.connect({ host, port: options.port });
    const secure = nativeConnect({ ...rest, host, servername, socket: transport }, onSecure);
    if (!socket) transport.once('error', (error) => secure.destroy(error));
    return secure;
  };
  const module: Record<string, unknown> = {
    ...native,
    connect: (...args: unknown[]) => {
      const { options, onSecure } = parseArguments(args);
      return connect(options, onSecure);
    },
    createServer: refusedFunction('tls.createServer'),
    Server: refusedFunction('tls.Server'),
  };
  module.default = module;
  return { module, connect };
}

/** `(options[, callback])` or `(port[, host][, options][, callback])`. */
function parseArguments(args: unknown[]): { options: TlsOptions; onSecure?: () => void } {
  const last = args.at(-1);
  const onSecure = typeof last === 'function' ? (last as () => void) : undefined;
  let options: TlsOptions = {};
  for (const argument of args) {
    if (typeof argument === 'number') options = { ...options, port: argument };
    else if (typeof argument === 'string') options = { ...options, host: argument };
    else if (typeof argument === 'object' && argument !== null) options = { ...options, ...argument };
  }
  return { options, onSecure };
}
