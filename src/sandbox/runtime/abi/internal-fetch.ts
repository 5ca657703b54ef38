import { Buffer } from 'node:buffer';
import type { Host } from './host.ts';

/** `app.internalFetch`: fetch of another app on this gateway, by the host name that it is reached under. */
export function createInternalFetch(host: Host) {
  return async (url: string | URL, options: RequestInit = {}): Promise<Response> => {
    const request = new Request(url, options);
    const { host: hostName, pathname, search } = new URL(request.url);
    const body = request.body === null ? null : Buffer.from(await request.arrayBuffer()).toString('base64');
    const answer = await host.readThenWrite('internalFetch', {
      host: hostName,
      path: pathname + search,
      method: request.method,
      headers: [...request.headers],
      base64: body,
    });
    const isEmpty = answer.status === 204 || answer.status === 205 || answer.status === 304;
    return new Response(isEmpty ? null : Buffer.from(answer.base64, 'base64'), {
      status: answer.status,
      headers: answer.headers as [string, string][],
    });
  };
}
