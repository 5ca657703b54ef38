import { lookup as dnsLookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { TackleError } from '../core/errors.ts';
import type { Dialer, ResolvedAddress } from '../ports/outbound-http.ts';
import type { EgressPolicy } from '../ports/sandbox.ts';
import type { AddressGuard } from './address-guard.ts';

/** All addresses of a name. */
export type LookupAll = (hostname: string) => Promise<readonly ResolvedAddress[]>;

const systemLookup: LookupAll = (hostname) => dnsLookup(hostname, { all: true, verbatim: true });

export function createDialer(guard: AddressGuard, lookup: LookupAll = systemLookup): Dialer {
  async function resolve(host: string, port: number, policy: EgressPolicy): Promise<readonly ResolvedAddress[]> {
    const name = normalizeHost(host);
    if (policy.deniedPorts.includes(port)) throw blocked(host, port, `port ${port} is not allowed`);
    const family = isIP(name);
    const addresses = family === 0 ? await lookup(name) : [{ address: name, family }];
    if (addresses.length === 0) {
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
        hostname: host,
      });
    }
    // One bad address condemns the name: a resolver that mixes them is trying something.
    for (const { address } of addresses) {
      const rule = guard.findRule(address, port, policy.allowedCidrs);
      if (rule) throw blocked(host, port, address === name ? rule : `it resolves to ${address}: ${rule}`);
    }
    return addresses;
  }

  return {
    resolve,
    async connect(options) {
      const { host, port, policy, timeoutMs, signal } = options;
      const addresses = await withDeadline(resolve(host, port, policy), timeoutMs, host, port);
      signal?.throwIfAborted();
      const socket = await openSocket(addresses, port, timeoutMs, signal);
      const peer = socket.remoteAddress;
      const rule = peer ? guard.findRule(peer, port, policy.allowedCidrs) : 'the peer is not known';
      if (rule) {
        socket.destroy();
        throw blocked(host, port, rule);
      }
      return socket;
    },
  };
}

/**
 * A host as the URL standard reads it: decimal, hexadecimal, octal, short and full-width spellings of an address become the
 * address, names become lower-case ASCII without a trailing dot.
 */
export function normalizeHost(host: string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIP(bare.replace(/%.*$/, '')) === 6) return bare;
  let hostname: string;
  try {
    hostname = new URL(`http://${bare}/`).hostname;
  } catch {
    throw new TackleError('egress_blocked', `${JSON.stringify(host)} is not the name of a host`);
  }
  // Anything that a URL would read as port, path or user was no host name.
  if (hostname === '' || /[/@:?#\\]/.test(bare)) {
    throw new TackleError('egress_blocked', `${JSON.stringify(host)} is not the name of a host`);
  }
  return hostname.replace(/\.$/, '');
}

function blocked(host: string, port: number, rule: string): TackleError {
  return new TackleError('egress_blocked', `Connections to ${host}:${port} are not allowed: ${rule}`, {
    details: { host, port, rule },
  });
}

async function withDeadline<T>(work: Promise<T>, timeoutMs: number, host: string, port: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(timeoutError(host, port, timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function timeoutError(host: string, port: number, timeoutMs: number): Error {
  return Object.assign(new Error(`connect ETIMEDOUT ${host}:${port} (after ${timeoutMs} ms)`), { code: 'ETIMEDOUT' });
}

function openSocket(
  addresses: readonly ResolvedAddress[],
  port: number,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: addresses.length === 1 ? addresses[0]!.address : 'checked.invalid',
      port,
      autoSelectFamily: true,
      // Called for the name only, never for a literal; answers what was checked and asks nobody.
      lookup: (_hostname, options, callback) => {
        if (options.all)
          callback(
            null,
            addresses.map(({ address, family }) => ({ address, family })),
          );
        else callback(null, addresses[0]!.address, addresses[0]!.family);
      },
    });
    const onAbort = () => socket.destroy(signal?.reason instanceof Error ? signal.reason : new Error('Aborted'));
    const timer = setTimeout(() => socket.destroy(timeoutError(addresses[0]!.address, port, timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    // Stays for good: an error that comes between two owners must not be the end of the gateway.
    socket.on('error', (error) => {
      settle();
      reject(error);
    });
    socket.once('connect', () => {
      settle();
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}
