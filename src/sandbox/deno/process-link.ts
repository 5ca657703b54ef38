import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { ProcessExit } from '../../ports/sandbox.ts';
import { type FrameHandler, FrameReader, ProtocolViolation } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';

const stderrTailBytes = 8 * 1024;
const excessPerPause = 2000;
const pauseMs = 50;

/**
 * One connected process: its frames, its end. Who owns it sets `onFrame`; a handler that throws ProtocolViolation ends the
 * process.
 */
export class ProcessLink {
  readonly child: ChildProcess;
  readonly socket: Socket;
  readonly writer: FrameWriter;
  readonly memoryMb: number;
  readonly exited: Promise<ProcessExit>;
  onFrame: FrameHandler = () => {
    throw new ProtocolViolation('A frame before the process was given anything to do');
  };
  /** Plain lines on stdout and stderr. */
  onOutput: (stream: 'stdout' | 'stderr', text: string) => void = () => {};
  /** When the process last showed that its event loop turns (monotonic ms). */
  lastPong = performance.now();
  /** Set by the supervisor that watches the process. */
  residentBytes: () => number = () => 0;
  /** Pid of the Deno process itself, which is not the child's when a wrapper stays around it. */
  pid = 0;
  #reason: ProcessExit['reason'] | null = null;
  #detail = '';
  #stderr = '';
  #excess = 0;

  constructor(child: ChildProcess, socket: Socket, memoryMb: number) {
    this.child = child;
    this.socket = socket;
    this.memoryMb = memoryMb;
    this.writer = new FrameWriter(socket);
    const reader = new FrameReader((type, id, bytes, start, end) => this.onFrame(type, id, bytes, start, end));
    socket.on('data', (chunk: Buffer) => {
      if (this.#reason) return;
      try {
        reader.push(chunk);
      } catch (error) {
        if (!(error instanceof ProtocolViolation)) throw error;
        this.kill('protocol-violation', error.message);
      }
    });
    socket.on('error', () => {});
    // A process that closed its channel can do nothing any more.
    socket.on('close', () => this.kill('crashed', ''));
    this.exited = this.#watchExit();
  }

  /** Set as soon as the process is doomed; nothing it sends counts from then on. */
  get ending(): boolean {
    return this.#reason !== null;
  }

  kill(reason: ProcessExit['reason'], detail: string): void {
    if (!this.#reason) {
      this.#reason = reason;
      this.#detail = detail;
    }
    this.child.kill('SIGKILL');
    this.socket.destroy();
  }

  /** Called for each frame that is too much: after a while of that, the process has to wait before it is read on. */
  slowDown(): void {
    this.#excess++;
    if (this.#excess < excessPerPause) return;
    this.#excess = 0;
    this.socket.pause();
    setTimeout(() => this.socket.resume(), pauseMs).unref();
  }

  addStderr(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-stderrTailBytes);
  }

  async #watchExit(): Promise<ProcessExit> {
    const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        resolve([this.child.exitCode, this.child.signalCode]);
      } else this.child.once('exit', (code, name) => resolve([code, name]));
    });
    this.socket.destroy();
    await this.#outputEnded();
    const reason = this.#reason ?? 'crashed';
    this.#reason = reason;
    const ranOutOfMemory =
      reason === 'crashed' && /out of memory|OOM|memory allocation of \d+ bytes failed/i.test(this.#stderr);
    return {
      reason: ranOutOfMemory ? 'out-of-memory' : reason,
      exitCode,
      signal,
      stderr: this.#detail ? `${this.#detail}\n${this.#stderr}`.trim() : this.#stderr,
    };
  }

  /** The last words may arrive after the exit; they are not waited for long. */
  #outputEnded(): Promise<void> {
    const stderr = this.child.stderr;
    if (!stderr || stderr.readableEnded || stderr.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 100);
      stderr.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
