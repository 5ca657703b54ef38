import ipaddr from 'ipaddr.js';
import { TackleError } from '../core/errors.ts';

/** Suffixes that turn a label into a host of the project: what the official client sends, and what browsers resolve. */
export const PROJECT_HOST_SUFFIXES = ['.api.codehooks.io', '.api.codehooks.local.io', '.localhost'] as const;
/** Suffixes of hosts that are bound to one space by their generated label. */
export const SPACE_HOST_SUFFIXES = ['.codehooks.io', '.codehooks.local.io', '.localhost'] as const;

const LOCAL_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The host of a Host header in lower case, without port and final dot; null when it is not a host. */
export function normalizeHost(header: string): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)\.?(?::\d{1,5})?$/.exec(header.toLowerCase());
  return match?.[1] ?? null;
}

export function isLocalHost(host: string): boolean {
  return LOCAL_HOSTS.has(host);
}

/** The label before one of the suffixes, when it is a single label; else null. */
export function labelOf(host: string, suffixes: readonly string[]): string | null {
  for (const suffix of suffixes) {
    if (!host.endsWith(suffix)) continue;
    const label = host.slice(0, -suffix.length);
    if (label !== '' && !label.includes('.')) return label;
  }
  return null;
}

/** A domain that a project may be given: a DNS name that is neither an address nor one of the gateway's own names. */
export function validateDomain(input: string, reservedHosts: readonly string[]): string {
  const host = normalizeHost(input);
  const labels = host?.split('.') ?? [];
  const isName = labels.length > 0 && labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?$/.test(label));
  if (host === null || !isName || host.length > 253 || /:\d+$/.test(input)) {
    throw new TackleError(
      'invalid_name',
      `"${input.slice(0, 80)}" is not a domain name; give a host such as api.example.com`,
    );
  }
  if (ipaddr.isValid(host)) {
    throw new TackleError(
      'invalid_name',
      `${host} is an address, not a domain name; use the /p/<project>/<space>/ path instead`,
    );
  }
  if (isLocalHost(host) || PROJECT_HOST_SUFFIXES.some((suffix) => host.endsWith(suffix))) {
    throw new TackleError('invalid_name', `${host} is a name that the gateway gives out itself; choose another domain`);
  }
  if (reservedHosts.some((reserved) => normalizeHost(reserved) === host)) {
    throw new TackleError('conflict', `${host} serves the gateway's own pages; give the project another domain`);
  }
  return host;
}

/** An IPv4 address or an IPv4 CIDR in canonical text. */
export function validateAllowedHost(input: string): string {
  const text = input.trim();
  const [address, bits, ...rest] = text.split('/');
  const isAddress = address !== undefined && ipaddr.IPv4.isValidFourPartDecimal(address);
  const isPrefix = bits === undefined || (/^\d{1,2}$/.test(bits) && Number(bits) <= 32);
  if (!isAddress || !isPrefix || rest.length > 0) {
    throw new TackleError(
      'invalid_request',
      `"${text.slice(0, 60)}" is not an IPv4 address or CIDR such as 203.0.113.0/24`,
    );
  }
  const canonical = ipaddr.IPv4.parse(address).toString();
  return bits === undefined || Number(bits) === 32 ? canonical : `${canonical}/${Number(bits)}`;
}

/** A CIDR of either family, for what an app may connect to. */
export function validateCidr(input: string): string {
  const text = input.trim();
  try {
    const [address, bits] = ipaddr.parseCIDR(text);
    return `${address.toString()}/${bits}`;
  } catch (cause) {
    throw new TackleError('invalid_request', `"${text.slice(0, 60)}" is not a CIDR such as 10.0.0.0/8 or fd00::/8`, {
      cause,
    });
  }
}

/** Decides whether an address is on a list of IPv4 addresses and CIDRs; the list is parsed once. */
export function compileAllowedHosts(allowedHosts: readonly string[]): (address: string) => boolean {
  if (allowedHosts.length === 0) return () => true;
  const ranges = allowedHosts.map((host) => ipaddr.parseCIDR(host.includes('/') ? host : `${host}/32`));
  return (address) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits));
  };
}
