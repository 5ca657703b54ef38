import type { AppLogs, LogLine } from '../gateway/api/services.ts';
import type { LogEntry } from '../ports/sandbox.ts';
export function createLocalLogs() {
  const lines = new Map<string, LogLine[]>();
  const listeners = new Set<(s: string, l: LogLine) => void>();
  let id = 0;
  const logs: AppLogs = {
    async tail(spaceId, s) {
      return (lines.get(spaceId) ?? [])
        .filter((l) => (!s.context || l.context === s.context) && (!s.filter || l.log.includes(s.filter)))
        .slice(-s.limit);
    },
    follow(spaceId, f) {
      const g = (s: string, l: LogLine) => s === spaceId && f(l);
      listeners.add(g);
      return () => listeners.delete(g);
    },
  };
  return {
    logs,
    append(spaceId: string, e: LogEntry) {
      const l = { id: String(++id), time: e.time, context: e.context, logtype: e.logtype, log: e.log, version: null };
      const list = lines.get(spaceId) ?? [];
      list.push(l);
      lines.set(spaceId, list.slice(-1000));
      for (const g of listeners) g(spaceId, l);
    },
  };
}
