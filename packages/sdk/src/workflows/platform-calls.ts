/** The way from the SDK to the gateway, put in place by the runtime. */
interface DurablePlatform {
  call(method: string, params: object): Promise<unknown>;
}

export async function callPlatform<Result>(method: string, params: object): Promise<Result> {
  const platform = (globalThis as { _tackle?: DurablePlatform })._tackle;
  if (platform === undefined) {
    throw new Error(
      `${method} works only where the platform runs the app; in tests use createTestApp of tackle-sdk/testing`,
    );
  }
  return (await platform.call(method, params)) as Result;
}
