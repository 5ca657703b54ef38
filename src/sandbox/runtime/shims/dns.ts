import type { EgressClient } from '../egress-client.ts';
import { refusedFunction } from './refused.ts';

interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

interface LookupOptions {
  readonly all?: boolean;
  readonly family?: number | string;
}

type Callback = (error: Error | null, ...results: unknown[]) => void;

const recordTypes = ['MX', 'TXT', 'CNAME', 'NS', 'SRV', 'SOA', 'CAA', 'NAPTR'];

/** `dns` and `dns/promises`: names are resolved by the gateway, and addresses that may not be reached are not told. */
export function createDns(
  egress: EgressClient,
  native: Record<string, unknown>,
): { readonly callbacks: Record<string, unknown>; readonly promises: Record<string, unknown> } {
  async function lookup(hostname: string, options: LookupOptions | number = {}): Promise<unknown> {
    const { all = false, family = 0 } = typeof options === 'number' ? { family: options } : options;
    const wanted = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : Number(family);
    const found = (await egress.lookUp(hostname, 'lookup')) as ResolvedAddress[];
    const addresses = wanted ? found.filter((address) => address.family === wanted) : found;
    if (addresses.length === 0) throw notFound(hostname);
    return all ? addresses : addresses[0];
  }

  async function resolveFamily(hostname: string, family: number): Promise<string[]> {
    const found = (await egress.lookUp(hostname, 'lookup')) as ResolvedAddress[];
    const addresses = found.filter((address) => address.family === family).map(({ address }) => address);
    if (addresses.length === 0) throw notFound(hostname);
    return addresses;
  }

  const promises: Record<string, unknown> = {
    lookup,
    resolve: (hostname: string, type = 'A') => {
      if (type === 'A') return resolveFamily(hostname, 4);
      return type === 'AAAA' ? resolveFamily(hostname, 6) : egress.lookUp(hostname, type);
    },
    resolve4: (hostname: string) => resolveFamily(hostname, 4),
    resolve6: (hostname: string) => resolveFamily(hostname, 6),
    reverse: refusedFunction('dns.reverse'),
    lookupService: refusedFunction('dns.lookupService'),
    getServers: () => [],
    setServers: () => {},
    getDefaultResultOrder: () => 'verbatim',
    setDefaultResultOrder: () => {},
  };
  for (const type of recordTypes) {
    const name = `resolve${capitalize(type)}`;
    promises[name] = (hostname: string) => egress.lookUp(hostname, type);
  }
  const callbacks: Record<string, unknown> = { ...constants(native), promises };
  for (const [name, method] of Object.entries(promises)) {
    callbacks[name] = name.startsWith('resolve') ? callbackify(method as never, false) : method;
  }
  callbacks.lookup = callbackify(lookup as never, true);
  addResolver(promises, promises);
  addResolver(callbacks, callbacks);
  promises.default = promises;
  callbacks.default = callbacks;
  return { callbacks, promises };
}

function capitalize(type: string): string {
  return `${type[0]}${type.slice(1).toLowerCase()}`;
}

function constants(native: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(native).filter(([, value]) => typeof value === 'string' || typeof value === 'number'),
  );
}

/** The last argument is the callback; `lookup` spreads its result unless all addresses are wanted. */
function callbackify(
  method: (...args: unknown[]) => Promise<unknown>,
  isLookup: boolean,
): (...args: unknown[]) => void {
  return (...args) => {
    const callback = args.pop() as Callback;
    method(...args).then(
      (result) => {
        if (isLookup && !Array.isArray(result))
          callback(null, (result as ResolvedAddress).address, (result as ResolvedAddress).family);
        else callback(null, result);
      },
      (error) => callback(error),
    );
  };
}

function addResolver(module: Record<string, unknown>, methods: Record<string, unknown>): void {
  class Resolver {
    cancel(): void {}
  }
  for (const [name, method] of Object.entries(methods)) {
    if (/^resolve|^reverse|Servers$/.test(name)) Object.defineProperty(Resolver.prototype, name, { value: method });
  }
  module.Resolver = Resolver;
}

function notFound(hostname: string): Error {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
    code: 'ENOTFOUND',
    syscall: 'getaddrinfo',
    hostname,
  });
}
