import { Duplex } from 'node:stream';
import type { EgressClient, EgressStream } from '../egress-client.ts';
import type { TcpAccept } from '../protocol.ts';
import { refusedFunction } from './refused.ts';

interface ConnectOptions {
  readonly host?: string;
  readonly port?: number | string;
  readonly path?: string;
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

export interface NetShim {
  readonly module: Record<string, unknown>;
  connect(options: ConnectOptions, onConnect?: () => void): Duplex;
}

/** `net` with outgoing connections that the gateway makes; listening is refused. */
export function createNet(egress: EgressClient, native: Record<string, unknown>): NetShim {
  const Socket = createSocketClass(egress);
  const connect = (...args: unknown[]) => new Socket().connect(...args);
  const module: Record<string, unknown> = {
    ...native,
    Socket,
    Stream: Socket,
    connect,
    createConnection: connect,
    createServer: refusedFunction('net.createServer'),
    Server: refusedFunction('net.Server'),
  };
  module.default = module;
  return { module, connect };
}

function createSocketClass(egress: EgressClient) {
  return class Socket extends Duplex {
    connecting = false;
    pending = true;
    remoteAddress: string | undefined;
    remotePort: number | undefined;
    remoteFamily: string | undefined;
    localAddress = '127.0.0.1';
    localPort = 0;
    bytesRead = 0;
    bytesWritten = 0;
    timeout = 0;
    #stream: EgressStream | null = null;
    #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
    #connected = Promise.withResolvers<EgressStream>();
    #timer: ReturnType<typeof setTimeout> | null = null;

    constructor(options: { allowHalfOpen?: boolean } = {}) {
      super({ allowHalfOpen: options.allowHalfOpen ?? false, autoDestroy: true, emitClose: true });
      this.#connected.promise.catch(() => {});
    }

    connect(...args: unknown[]): this {
      const { options, onConnect } = parseConnectArguments(args);
      if (onConnect) this.once('connect', onConnect);
      if (options.timeout) this.setTimeout(options.timeout);
      this.connecting = true;
      void this.#open(options);
      return this;
    }

    async #open(options: ConnectOptions): Promise<void> {
      const host = options.host ?? 'localhost';
      const port = Number(options.port);
      try {
        if (options.path)
          throw Object.assign(new Error('Unix sockets are not available in the sandbox'), { code: 'EACCES' });
        const stream = egress.open({ kind: 'tcp', host, port });
        this.#stream = stream;
        const accept = (await stream.accepted) as TcpAccept;
        if (this.destroyed) return;
        this.remoteAddress = accept.remoteAddress;
        this.remotePort = accept.remotePort;
        this.remoteFamily = accept.remoteFamily;
        this.connecting = false;
        this.pending = false;
        this.#reader = stream.incoming.stream.getReader();
        this.#connected.resolve(stream);
        this.#restartTimer();
        this.emit('connect');
        this.emit('ready');
      } catch (error) {
        this.connecting = false;
        const failure = Object.assign(error as Error, { syscall: 'connect', address: host, port });
        this.#connected.reject(failure);
        this.destroy(failure);
      }
    }

    override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
      this.#restartTimer();
      this.bytesWritten += chunk.length;
      const stream = this.connecting ? this.#connected.promise : (this.#stream ?? this.#connected.promise);
      if (stream instanceof Promise) {
        stream.then((open) => open.outgoing.write(chunk)).then(() => callback(), callback);
      } else stream.outgoing.write(chunk).then(() => callback(), callback);
    }

    override _final(callback: (error?: Error | null) => void): void {
      this.#connected.promise.then((stream) => {
        stream.outgoing.end();
        egress.forgetEnded(stream);
        callback();
      }, callback);
    }

    override _read(): void {
      this.#pull().catch((error) => this.destroy(error));
    }

    async #pull(): Promise<void> {
      await this.#connected.promise;
      for (;;) {
        const { done, value } = await this.#reader!.read();
        if (this.destroyed) return;
        this.#restartTimer();
        if (done) {
          this.push(null);
          return;
        }
        this.bytesRead += value.length;
        // App code and Node's parsers expect Buffers.
        if (!this.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength))) return;
      }
    }

    override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
      if (this.#timer) clearTimeout(this.#timer);
      this.connecting = false;
      this.#stream?.abort(error ?? new Error('The socket was destroyed'));
      this.#connected.reject(error ?? new Error('The socket was destroyed'));
      callback(error);
    }

    #restartTimer(): void {
      if (this.#timer) clearTimeout(this.#timer);
      this.#timer = this.timeout > 0 && !this.destroyed ? setTimeout(() => this.emit('timeout'), this.timeout) : null;
    }

    setTimeout(timeoutMs: number, callback?: () => void): this {
      this.timeout = timeoutMs;
      if (callback) {
        if (timeoutMs > 0) this.once('timeout', callback);
        else this.off('timeout', callback);
      }
      this.#restartTimer();
      return this;
    }

    get readyState(): string {
      if (this.connecting) return 'opening';
      if (this.pending || this.destroyed) return 'closed';
      if (this.readable && this.writable) return 'open';
      return this.readable ? 'readOnly' : 'writeOnly';
    }

    get bufferSize(): number {
      return this.writableLength;
    }

    address(): object {
      return this.pending ? {} : { address: this.localAddress, port: this.localPort, family: 'IPv4' };
    }

    destroySoon(): void {
      if (this.writable) this.end();
      if (this.writableFinished) this.destroy();
      else this.once('finish', () => this.destroy());
    }

    resetAndDestroy(): this {
      return this.destroy();
    }

    setNoDelay(): this {
      return this;
    }

    setKeepAlive(): this {
      return this;
    }

    setTypeOfService(): this {
      return this;
    }

    ref(): this {
      return this;
    }

    unref(): this {
      return this;
    }
  };
}

/** `(options[, callback])`, `(port[, host][, callback])` or `(path[, callback])`. */
function parseConnectArguments(args: unknown[]): { options: ConnectOptions; onConnect?: () => void } {
  // Node passes an array of normalised arguments from module to module.
  const list = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  const last = list.at(-1);
  const onConnect = typeof last === 'function' ? (last as () => void) : undefined;
  const [first, second] = list;
  if (typeof first === 'object' && first !== null) return { options: first as ConnectOptions, onConnect };
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { options: { path: first }, onConnect };
  return { options: { port: first as number, host: typeof second === 'string' ? second : undefined }, onConnect };
}
