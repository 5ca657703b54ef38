import type { Dialer, OutboundHttp } from '../ports/outbound-http.ts';
import { type AddressGuardOptions, createAddressGuard } from './address-guard.ts';
import { createDialer } from './connect-tcp.ts';
import { openOutboundHttp } from './open-outbound-http.ts';

export { type AddressGuard, type AddressGuardOptions, createAddressGuard, parseCidr } from './address-guard.ts';
export { createDialer, type LookupAll, normalizeHost } from './connect-tcp.ts';
export { openOutboundHttp } from './open-outbound-http.ts';

/** Everything that leaves the gateway goes through this. */
export interface Egress extends AsyncDisposable {
  readonly http: OutboundHttp;
  readonly dialer: Dialer;
}

/** The guard, the dialer behind it, and HTTP over the dialer. */
export function openEgress(options: AddressGuardOptions = {}): Egress {
  const dialer = createDialer(createAddressGuard(options));
  const http = openOutboundHttp(dialer);
  return { http, dialer, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}
