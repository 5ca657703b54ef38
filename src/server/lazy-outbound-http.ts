import type { Dialer, OutboundHttp } from '../ports/outbound-http.ts';

/** The HTTP client takes 10 MB and 40 ms to load; a gateway whose apps call nobody never pays that. */
export function createLazyOutboundHttp(dialer: Dialer): OutboundHttp {
  let opened: Promise<OutboundHttp> | null = null;
  const open = async (): Promise<OutboundHttp> => {
    const { openOutboundHttp } = await import('../egress/index.ts');
    return openOutboundHttp(dialer);
  };
  return {
    async request(request) {
      opened ??= open();
      return (await opened).request(request);
    },
    async [Symbol.asyncDispose]() {
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}
