import type { EgressEvent } from '../sandbox/deno/open-deno-sandbox.ts';
import type { Telemetry } from '../storage/telemetry/open-telemetry.ts';

/** An app that tries in a loop must not push its other lines out of the log. */
const maxLinesPerMinute = 20;
const windowMs = 60_000;
const maxReasonLength = 500;

interface Window {
  readonly start: number;
  lines: number;
}

/** Puts connections that an app was refused into its log, as warnings: at most 20 lines a minute and space. */
export function createRefusedEgressLog(telemetry: Pick<Telemetry, 'appendLogs'>, clock: { now(): number }) {
  const windows = new Map<string, Window>();

  return function logRefusedEgress({ label, kind, refusal }: EgressEvent): void {
    if (refusal === null) return;
    const [spaceId = label] = label.split('/', 1);
    const time = clock.now();
    let window = windows.get(spaceId);
    if (window === undefined || time - window.start >= windowMs) {
      // Spaces whose minute is over need no memory.
      for (const [id, { start }] of windows) if (time - start >= windowMs) windows.delete(id);
      window = { start: time, lines: 0 };
      windows.set(spaceId, window);
    }
    window.lines += 1;
    if (window.lines > maxLinesPerMinute) return;
    const more = window.lines === maxLinesPerMinute ? ' (further refusals of this minute are not logged)' : '';
    const log = `${kind} refused: ${refusal.slice(0, maxReasonLength)}${more}`;
    telemetry.appendLogs(spaceId, [{ context: 'egress', logtype: 'warn', log, time }]);
  };
}
