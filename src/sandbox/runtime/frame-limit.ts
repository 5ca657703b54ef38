import { maxFrameBytes } from './protocol.ts';

/** What else a frame carries besides its text: ids, a method's name. */
const headBytes = 4096;
// Apps may replace the global one.
const encoder = new TextEncoder();

/** Throws an error with the code `payload_too_large` for text that one frame cannot carry; `what` begins its message. */
export function checkFrameText(text: string, what: string): void {
  // A unit of UTF-16 is at most three bytes, so short text needs no count.
  if (text.length <= maxFrameBytes / 3) return;
  const bytes = encoder.encode(text).length;
  if (bytes <= maxFrameBytes - headBytes) return;
  throw Object.assign(new Error(`${what} is ${bytes} bytes, more than the 8 MB that can be passed on at once`), {
    code: 'payload_too_large',
  });
}
