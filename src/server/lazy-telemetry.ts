import { openTelemetry, type Telemetry, type TelemetryOptions } from '../storage/telemetry/open-telemetry.ts';

type LogListener = Parameters<Telemetry['onLog']>[0];

/** The logs of apps have a thread of their own, which a gateway without apps need not hold: the first line starts it. */
export function createLazyTelemetry(options: TelemetryOptions, onError: (error: unknown) => void): Telemetry {
  const listeners = new Set<LogListener>();
  let opened: Promise<Telemetry> | null = null;
  let telemetry: Telemetry | null = null;

  function open(): Promise<Telemetry> {
    if (opened !== null) return opened;
    opened = openTelemetry(options);
    opened.then((ready) => {
      telemetry = ready;
      ready.onLog((line) => {
        for (const listener of listeners) listener(line);
      });
    }, onError);
    return opened;
  }

  return {
    appendLogs(spaceId, entries) {
      if (telemetry !== null) telemetry.appendLogs(spaceId, entries);
      else
        open().then(
          (ready) => ready.appendLogs(spaceId, entries),
          () => undefined,
        );
    },
    listLogs: async (query) => (await open()).listLogs(query),
    onLog(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    removeSpace: async (spaceId) => (await open()).removeSpace(spaceId),
    async [Symbol.asyncDispose]() {
      const ready = await opened?.catch(() => null);
      await ready?.[Symbol.asyncDispose]();
    },
  };
}
