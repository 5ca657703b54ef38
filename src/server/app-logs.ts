import type { AppLogs, LogLine } from '../gateway/api/services.ts';
import type { StoredLog, Telemetry } from '../storage/telemetry/open-telemetry.ts';

/** The logs of apps, as the API reads them. */
export function createAppLogs(telemetry: Telemetry): AppLogs {
  const followers = new Map<string, Set<(line: LogLine) => void>>();
  telemetry.onLog((stored) => {
    const listeners = followers.get(stored.spaceId);
    if (listeners === undefined) return;
    const line = toLogLine(stored);
    for (const listener of listeners) listener(line);
  });
  return {
    async tail(spaceId, { limit, context, filter, level }) {
      const lines = await telemetry.listLogs({ spaceId, limit, context, filter, logtype: level });
      return lines.map(toLogLine).reverse();
    },
    follow(spaceId, listener) {
      const listeners = followers.get(spaceId) ?? new Set();
      followers.set(spaceId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) followers.delete(spaceId);
      };
    },
  };
}

function toLogLine({ id, timeMs, context, logtype, log }: StoredLog): LogLine {
  return { context, log, logtype, date: new Date(timeMs).toISOString(), _id: String(id) };
}
