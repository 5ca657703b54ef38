/** The few functions of Deno that the bootstrap uses, captured before app code runs and hidden from it. */
export interface DenoConnection {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

interface PermissionDescriptor {
  readonly name: string;
}

export interface DenoApi {
  readonly args: readonly string[];
  connect(options: { transport: 'unix'; path: string }): Promise<DenoConnection>;
  exit(code: number): never;
  readonly permissions: { revokeSync(descriptor: PermissionDescriptor): { readonly state: string } };
}

export const deno: DenoApi = (globalThis as unknown as { Deno: DenoApi }).Deno;
