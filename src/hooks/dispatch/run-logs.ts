/** Collects what each run prints: with the record while it runs, appended to it afterwards. */

export interface RunLogs {
  readonly start: (runId: string) => void;
  readonly add: (runId: string | null, text: string) => void;
  /** What the run has printed so far; later output goes to `onLate`. */
  readonly finish: (runId: string) => string;
}

export interface RunLogsOptions {
  /** Output of a finished run, for example of work that it left behind. */
  readonly onLate: (runId: string, text: string) => void;
  /** Output of no run, for example of an import. */
  readonly onStray: (text: string) => void;
}

export function createRunLogs(options: RunLogsOptions): RunLogs {
  const active = new Map<string, string[]>();
  return {
    start: (runId) => {
      active.set(runId, []);
    },
    add: (runId, text) => {
      if (runId === null) options.onStray(text);
      else {
        const parts = active.get(runId);
        if (parts === undefined) options.onLate(runId, text);
        else parts.push(text);
      }
    },
    finish: (runId) => {
      const parts = active.get(runId) ?? [];
      active.delete(runId);
      return parts.join('');
    },
  };
}
