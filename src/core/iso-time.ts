const slots = 64;
const times = new Float64Array(slots).fill(Number.NaN);
const texts: string[] = new Array<string>(slots).fill('');

/**
 * Milliseconds since 1970 as an ISO text. Durable work writes a few moments into many fields: the last texts are kept.
 * Throws a RangeError for times that no date has.
 */
export function toIsoTime(timeMs: number): string {
  const slot = timeMs & (slots - 1);
  if (times[slot] !== timeMs) {
    texts[slot] = new Date(timeMs).toISOString();
    times[slot] = timeMs;
  }
  return texts[slot]!;
}
