import { execFile } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';

export interface ProcessStat {
  readonly residentBytes: number;
  readonly threads: number;
  /** Processor time that it has used since its start, all threads together; the kernel counts in steps of 10 ms. */
  readonly cpuMs: number;
}

const pageBytes = 4096;
/** A tick of the kernel's clock in /proc: 1/100 s on every architecture that Deno runs on. */
const clockTickMs = 10;
const buffer = Buffer.alloc(1024);

/** Resident size, threads and processor time of a Linux process, from an open `/proc/<pid>/stat`: about 5 µs. */
export class LinuxProcessStat {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Null when the process is gone already. */
  static open(pid: number): LinuxProcessStat | null {
    try {
      return new LinuxProcessStat(openSync(`/proc/${pid}/stat`, 'r'));
    } catch {
      return null;
    }
  }

  /** Null when the process is gone. */
  read(): ProcessStat | null {
    try {
      const length = readSync(this.#descriptor, buffer, 0, buffer.length, 0);
      const text = buffer.toString('latin1', 0, length);
      // The name in parentheses may hold anything, so fields are counted from its end.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return {
        cpuMs: (Number(fields[11]) + Number(fields[12])) * clockTickMs,
        threads: Number(fields[17]),
        residentBytes: Number(fields[21]) * pageBytes,
      };
    } catch {
      return null;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Where there is no /proc: one `ps` for all processes. */
export function readResidentBytesWithPs(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')], (_error, stdout) => {
      const sizes = new Map<number, number>();
      for (const line of stdout.split('\n')) {
        const [pid, kilobytes] = line.trim().split(/\s+/);
        if (pid && kilobytes) sizes.set(Number(pid), Number(kilobytes) * 1024);
      }
      resolve(sizes);
    });
  });
}
