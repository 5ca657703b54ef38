import type { Config } from './config.ts';

/** Hosts that are the gateway's own: no project may take them. */
export function listOwnHosts({ server }: Config): readonly string[] {
  return server.publicUrl === null ? server.adminHosts : [new URL(server.publicUrl).hostname, ...server.adminHosts];
}

export interface Addresses {
  /** On this machine, by its number. */
  readonly url: string;
  /** Where apps are reached. */
  readonly publicUrl: string;
  /** Where the gateway's own pages are opened. */
  readonly adminUrl: string;
}

/** The origins of a gateway that listens on `port`. */
export function addressesOf(config: Config, port: number): Addresses {
  const scheme = config.server.tlsCert === null ? 'http' : 'https';
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    publicUrl: config.server.publicUrl ?? `${scheme}://localhost:${port}`,
    adminUrl: adminUrlOf(config, `${scheme}:`, port),
  };
}

/** Pages are opened under the first `--admin-host`, behind the same proxy as the public URL; else on this machine. */
function adminUrlOf({ server }: Config, localProtocol: string, port: number): string {
  const [host] = server.adminHosts;
  if (host === undefined) return `${localProtocol}//127.0.0.1:${port}`;
  if (server.publicUrl !== null) return `${new URL(server.publicUrl).protocol}//${host}`;
  return `${localProtocol}//${host}:${port}`;
}
