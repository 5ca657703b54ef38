/** How the bundled hooks ask their host for what only it can do. Absent outside a hook host, and then every call fails. */

export type HostCall = (method: string, args: readonly unknown[]) => Promise<unknown>;

let bridge: HostCall | undefined;

export function setHostBridge(call: HostCall | undefined): void {
  bridge = call;
}

/** Rejects when the host does not offer the method. */
export async function callHost(method: string, ...args: readonly unknown[]): Promise<unknown> {
  if (bridge === undefined) throw new Error(`no host offers ${method}`);
  return bridge(method, args);
}
