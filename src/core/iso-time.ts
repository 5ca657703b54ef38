let lastMs = Number.NaN;
let lastText = '';

/** Milliseconds since 1970 as an ISO text. Durable work writes one moment into many fields: the last text is kept. */
export function toIsoTime(timeMs: number): string {
  if (timeMs !== lastMs) {
    lastText = new Date(timeMs).toISOString();
    lastMs = timeMs;
  }
  return lastText;
}
