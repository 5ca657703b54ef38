import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Results go to stdout, everything said about them to stderr, so that stdout can be read by a program. */
export class Output {
  readonly #stdout: Writable;
  readonly #stderr: Writable;

  constructor(stdout: Writable, stderr: Writable) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** One line of the result. */
  line(text = ''): void {
    this.#stdout.write(`${text}\n`);
  }

  /** The result as data. */
  json(value: unknown): void {
    this.line(JSON.stringify(value, null, 2));
  }

  /** A piece of a long result; resolves when more may be written. */
  async chunk(data: string | Uint8Array): Promise<void> {
    if (!this.#stdout.write(data)) await once(this.#stdout, 'drain');
  }

  /** Something for the person, not for the program that reads the result. */
  notice(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  get isTerminal(): boolean {
    return 'isTTY' in this.#stdout && this.#stdout.isTTY === true;
  }

  get showsProgress(): boolean {
    return 'isTTY' in this.#stderr && this.#stderr.isTTY === true;
  }

  /** Replaces the current line of the terminal; an empty text clears it. Does nothing when nobody watches. */
  progress(text: string): void {
    if (this.showsProgress) this.#stderr.write(`\r\x1b[K${text}`);
  }

  /** Colours a part of a result, only when it goes to a terminal that wants colours. */
  style(format: Style, text: string): string {
    return styleText(format, text, { stream: this.#stdout });
  }

  styleNotice(format: Style, text: string): string {
    return styleText(format, text, { stream: this.#stderr });
  }

  /** Columns aligned by their longest cell; the head is left out when there are no rows. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    if (rows.length === 0) return;
    const all = [head, ...rows];
    const widths = head.map((_, column) => Math.max(...all.map((row) => printedWidth(row[column] ?? ''))));
    for (const [index, row] of all.entries()) {
      const cells = row.map((cell, column) => {
        const padding = column === row.length - 1 ? '' : ' '.repeat((widths[column] ?? 0) - printedWidth(cell));
        return (index === 0 ? this.style('bold', cell) : cell) + padding;
      });
      this.line(cells.join('  ').trimEnd());
    }
  }
}

function printedWidth(text: string): number {
  return [...text].length;
}

/** `1.5 MB`: for people. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[power]}`;
}

/** `1 file`, `2 files`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `7 days`, `90 seconds`, `1500 ms`: in the largest unit that leaves no rest. */
export function formatDuration(durationMs: number): string {
  const units = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1_000],
  ] as const;
  const unit = units.find(([, unitMs]) => durationMs >= unitMs && durationMs % unitMs === 0);
  return unit === undefined ? `${durationMs} ms` : formatCount(durationMs / unit[1], unit[0]);
}

export function formatTime(epochMs: number | null): string {
  return epochMs === null ? '' : new Date(epochMs).toISOString().replace('T', ' ').slice(0, 19);
}
