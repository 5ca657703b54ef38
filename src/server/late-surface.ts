import type { RequestListener } from 'node:http';

export interface Surface {
  readonly listener: RequestListener;
  close(): Promise<unknown>;
}

export interface LateSurface extends AsyncDisposable {
  /** Requests wait until the surface is there. */
  readonly listener: RequestListener;
  /** Builds it without a request that waits. */
  prepare(): void;
}

/**
 * A surface that is built after the gateway listens: compiling the schemas of the API takes longer than everything else of
 * a start, and requests for apps need none of it.
 */
export function createLateSurface(build: () => Promise<Surface>, onError: (error: unknown) => void): LateSurface {
  let built: Promise<Surface> | null = null;
  let ready: Surface | null = null;

  function prepare(): Promise<Surface> {
    if (built !== null) return built;
    built = build();
    built.then((surface) => {
      ready = surface;
    }, onError);
    return built;
  }

  return {
    listener(request, response) {
      if (ready !== null) {
        ready.listener(request, response);
        return;
      }
      prepare().then(
        (surface) => surface.listener(request, response),
        () => response.writeHead(503, { 'Retry-After': '1' }).end(),
      );
    },
    prepare() {
      prepare().catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      const surface = await built?.catch(() => null);
      await surface?.close();
    },
  };
}
