import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { TackleError } from '../core/errors.ts';

/** Who sent the request, as far as it can be believed. */
export interface ClientAddress {
  readonly address: string;
  readonly protocol: 'http' | 'https';
  /** Host as the client wrote it. */
  readonly host: string;
  /** Of requests that apps send each other: how many apps it came through. */
  readonly hops?: number;
  /** Of the same: the space of the app that sends it. */
  readonly fromSpaceId?: string;
}

/**
 * Reads forwarded headers from trusted proxies only (`--trust-proxy`, addresses or CIDRs). The client is the first
 * address, from the right, that is no trusted proxy.
 */
export function createClientAddressReader(trustedProxies: readonly string[]) {
  const trusted = new BlockList();
  for (const entry of trustedProxies) addTo(trusted, entry);
  const isTrusted = (address: string) =>
    isIPv4(address) ? trusted.check(address, 'ipv4') : isIPv6(address) && trusted.check(address, 'ipv6');

  return function readClientAddress(request: IncomingMessage): ClientAddress {
    const peer = unmapped(request.socket.remoteAddress ?? '');
    const protocol = 'encrypted' in request.socket ? 'https' : 'http';
    const host = request.headers.host ?? '';
    if (trustedProxies.length === 0 || !isTrusted(peer)) return { address: peer, protocol, host };
    const chain = listOf(request.headers['x-forwarded-for']);
    const client = chain.findLast((address) => !isTrusted(address)) ?? chain[0] ?? peer;
    const forwardedProtocol = listOf(request.headers['x-forwarded-proto'])[0];
    const forwardedHost = listOf(request.headers['x-forwarded-host'])[0];
    return {
      address: client,
      protocol: forwardedProtocol === 'https' || forwardedProtocol === 'http' ? forwardedProtocol : protocol,
      host: forwardedHost ?? host,
    };
  };
}

function addTo(list: BlockList, entry: string): void {
  const [address = '', bits] = entry.split('/');
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : null;
  const prefix = bits === undefined ? null : Number(bits);
  const valid = family !== null && (prefix === null || (prefix >= 0 && prefix <= (family === 'ipv4' ? 32 : 128)));
  if (!valid) {
    throw new TackleError('invalid_config', `trust-proxy: "${entry}" is neither an IP address nor a CIDR.`);
  }
  if (prefix === null) list.addAddress(address, family);
  else list.addSubnet(address, prefix, family);
}

function listOf(header: string | string[] | undefined): string[] {
  if (header === undefined) return [];
  const text = Array.isArray(header) ? header.join(',') : header;
  return text
    .split(',')
    .map((part) => unmapped(part.trim()))
    .filter((part) => part !== '');
}

function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
