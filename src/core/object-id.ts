/**
 * Document ids: 24 lower-case hex digits like MongoDB's ObjectId, increasing in time. The first eight are the time in
 * seconds, as readers of ObjectIds expect; then 10 bits of milliseconds, 30 bits that tell processes apart, and a counter
 * within the millisecond of 24 bits.
 */
export class ObjectIds {
  /** The 30 bits of this process, in two parts: 6 that share their bytes with the milliseconds, and 24. */
  readonly #high: number;
  readonly #low: string;
  #lastMs = 0;
  #counter = 0;

  /** `processBits`: a random number below 2^30. */
  constructor(processBits: number) {
    this.#high = Math.floor(processBits / 2 ** 24) & 0x3f;
    this.#low = toHex(processBits % 2 ** 24, 6);
  }

  /** Greater than every id of this source before, also when the clock was set back. */
  create(nowMs: number): string {
    if (nowMs > this.#lastMs) {
      this.#lastMs = Math.floor(nowMs);
      this.#counter = 0;
    } else {
      this.#counter += 1;
      if (this.#counter === 2 ** 24) {
        this.#lastMs += 1;
        this.#counter = 0;
      }
    }
    const seconds = Math.floor(this.#lastMs / 1_000);
    const milliseconds = this.#lastMs % 1_000;
    return toHex(seconds, 8) + toHex(milliseconds * 64 + this.#high, 4) + this.#low + toHex(this.#counter, 6);
  }
}

function toHex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
