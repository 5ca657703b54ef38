export { type AddressGuard, type AddressGuardOptions, createAddressGuard } from './address-guard.ts';
export { createDialer, type LookupAll } from './connect-tcp.ts';
export { openOutboundHttp } from './open-outbound-http.ts';
