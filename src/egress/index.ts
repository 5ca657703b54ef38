export { type AddressGuard, type AddressGuardOptions, createAddressGuard, parseCidr } from './address-guard.ts';
export { createDialer, type LookupAll } from './connect-tcp.ts';
export { openOutboundHttp } from './open-outbound-http.ts';
