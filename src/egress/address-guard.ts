import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { TackleError } from '../core/errors.ts';

/**
 * Ranges that nobody outside can own: what answers there is this machine, its network or its provider. From the special
 * purpose registries of IANA (RFC 6890 and what was added since), with the forms that carry an IPv4 address inside.
 */
const blockedRanges: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrier-grade NAT'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local, cloud metadata'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'protocol assignments'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', '6to4 relay'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::ffff:0:0/96', 'IPv4-mapped'],
  ['::ffff:0:0:0/96', 'IPv4-translated'],
  ['::/96', 'IPv4-compatible'],
  ['64:ff9b::/96', 'NAT64'],
  ['64:ff9b:1::/48', 'NAT64'],
  ['100::/64', 'discard'],
  ['2001::/23', 'protocol assignments, Teredo'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4'],
  ['3fff::/20', 'documentation'],
  ['5f00::/16', 'segment routing'],
  ['fc00::/7', 'unique local'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'site-local'],
  ['ff00::/8', 'multicast'],
];

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

const parsedBlockedRanges = blockedRanges.map(([cidr, rule]) => ({
  range: ipaddr.parseCIDR(cidr) as Range,
  rule,
  cidr,
}));
/** The only part of IPv6 that is given out; anything else is not on the Internet. */
const globalUnicast = ipaddr.parseCIDR('2000::/3') as Range;

export interface AddressGuardOptions {
  /** Ports that this gateway listens on; not reachable on this machine even when a CIDR allows the address. */
  readonly ownPorts?: () => readonly number[];
  /** Addresses of this machine; by default those of its network interfaces. */
  readonly ownAddresses?: () => readonly string[];
}

export interface AddressGuard {
  /** Why the address may not be reached, or null when it may. `address` is an IP address, not a name. */
  findRule(address: string, port: number, allowedCidrs: readonly string[]): string | null;
}

export function createAddressGuard(options: AddressGuardOptions = {}): AddressGuard {
  const ownAddresses = options.ownAddresses ?? createInterfaceAddresses();
  const ownPorts = options.ownPorts ?? (() => []);
  return {
    findRule(address, port, allowedCidrs) {
      const parsed = parseAddress(address);
      if (!parsed) return 'not an IP address';
      const own = isOwn(parsed, ownAddresses());
      if (own && ownPorts().includes(port)) return 'port of this gateway';
      if (parseCidrs(allowedCidrs).some((range) => isIn(parsed, range))) return null;
      if (own) return 'address of this machine';
      return findBlockedRange(parsed);
    },
  };
}

/** Parsed lists are kept by the array that they came from: policies live as long as their app. */
const parsedCidrs = new WeakMap<readonly string[], readonly Range[]>();

function parseCidrs(cidrs: readonly string[]): readonly Range[] {
  let ranges = parsedCidrs.get(cidrs);
  if (!ranges) {
    ranges = cidrs.map(parseCidr);
    parsedCidrs.set(cidrs, ranges);
  }
  return ranges;
}

/** Throws `invalid_config` naming the text, for settings to be checked when they are saved. */
export function parseCidr(text: string): Range {
  try {
    const range = text.includes('/') ? ipaddr.parseCIDR(text) : undefined;
    if (range) return range as Range;
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch (error) {
    throw new TackleError('invalid_config', `${JSON.stringify(text)} is not an address range such as 10.1.0.0/16`, {
      cause: error,
    });
  }
}

function parseAddress(text: string): Address | null {
  const withoutZone = text.replace(/%.*$/, '');
  return isIP(withoutZone) === 0 ? null : ipaddr.parse(withoutZone);
}

function isIn(address: Address, [network, bits]: Range): boolean {
  return address.kind() === network.kind() && (address as ipaddr.IPv6).match(network as ipaddr.IPv6, bits);
}

function findBlockedRange(address: Address): string | null {
  for (const { range, rule, cidr } of parsedBlockedRanges) if (isIn(address, range)) return `${rule} (${cidr})`;
  if (address.kind() === 'ipv6' && !isIn(address, globalUnicast)) return 'not global unicast';
  return null;
}

/** Loopback in every form, and whatever the interfaces carry. */
function isOwn(address: Address, own: readonly string[]): boolean {
  const plain =
    address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress()
      ? (address as ipaddr.IPv6).toIPv4Address()
      : address;
  if (plain.range() === 'loopback' || plain.range() === 'unspecified') return true;
  const text = plain.toNormalizedString();
  return own.some((candidate) => parseAddress(candidate)?.toNormalizedString() === text);
}

/** Interfaces change seldom; asking costs a system call per interface. */
function createInterfaceAddresses(): () => readonly string[] {
  let addresses: readonly string[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - readAt > 10_000) {
      readAt = now;
      addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
    }
    return addresses;
  };
}
