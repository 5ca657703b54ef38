import { Buffer } from 'node:buffer';
import type * as Crypto from 'node:crypto';
import type { Duplex } from 'node:stream';
import { encodeFrame, FrameDecoder, opcode } from './websocket-frames.ts';

type Require = (name: string) => unknown;
type Connect = (options: object) => Duplex;

const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const maxHeadBytes = 64 * 1024;

/** Makes an event of a type that the runtime may or may not have, with the given properties. */
function makeEvent(type: string, properties: object): Event {
  return Object.assign(new Event(type), properties);
}

/** The WebSocket client of browsers over our connections (RFC 6455, no extensions). */
export function createWebSocketClass(require: Require): unknown {
  return class WebSocket extends EventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSING = 2;
    static readonly CLOSED = 3;
    readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CLOSING = 2;
    readonly CLOSED = 3;
    readonly url: string;
    readonly extensions = '';
    protocol = '';
    readyState = 0;
    binaryType: 'blob' | 'arraybuffer' = 'blob';
    bufferedAmount = 0;
    onopen: ((event: Event) => void) | null = null;
    onmessage: ((event: Event) => void) | null = null;
    onerror: ((event: Event) => void) | null = null;
    onclose: ((event: Event) => void) | null = null;
    readonly #socket: Duplex;
    readonly #crypto = require('node:crypto') as typeof Crypto;
    readonly #key = this.#crypto.randomBytes(16).toString('base64');
    readonly #offered: string[];
    #head: Buffer | null = Buffer.alloc(0);
    #decoder: FrameDecoder;
    #closeCode = 1006;
    #closeReason = '';
    #closeSent = false;

    constructor(url: string | URL, protocols: string | string[] | { headers?: Record<string, string> } = []) {
      super();
      const target = new URL(url);
      if (target.protocol === 'http:') target.protocol = 'ws:';
      if (target.protocol === 'https:') target.protocol = 'wss:';
      if (!/^wss?:$/.test(target.protocol) || target.hash) {
        throw new DOMException(`${url} is not the URL of a WebSocket`, 'SyntaxError');
      }
      this.url = target.href;
      const isOptions = typeof protocols === 'object' && !Array.isArray(protocols);
      this.#offered = isOptions ? [] : [protocols].flat();
      this.#decoder = new FrameDecoder({
        message: (code, payload) => this.#onMessage(code, payload),
        control: (code, payload) => this.#onControl(code, payload),
      });
      const secure = target.protocol === 'wss:';
      const { connect } = require(secure ? 'tls' : 'net') as { connect: Connect };
      const port = Number(target.port || (secure ? 443 : 80));
      const host = target.hostname.replace(/^\[|\]$/g, '');
      this.#socket = connect({ host, port, ...(secure ? { servername: host } : {}) });
      this.#socket.once(secure ? 'secureConnect' : 'connect', () => {
        this.#socket.write(this.#handshake(target, isOptions ? (protocols.headers ?? {}) : {}));
      });
      this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
      this.#socket.on('error', (error) => this.#fail(error));
      this.#socket.on('close', () => this.#onSocketClose());
    }

    send(data: string | ArrayBuffer | ArrayBufferView | Blob): void {
      if (this.readyState === 0) throw new DOMException('The WebSocket is not open yet', 'InvalidStateError');
      if (this.readyState !== 1) return;
      if (typeof data === 'string') this.#write(opcode.text, Buffer.from(data));
      else if (data instanceof Blob)
        void data.arrayBuffer().then((bytes) => this.#write(opcode.binary, new Uint8Array(bytes)));
      else if (ArrayBuffer.isView(data)) {
        this.#write(opcode.binary, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      } else this.#write(opcode.binary, new Uint8Array(data));
    }

    close(code = 1000, reason = ''): void {
      if (code !== 1000 && (code < 3000 || code > 4999)) {
        throw new DOMException(`${code} is not a code that an app may close with`, 'InvalidAccessError');
      }
      if (this.readyState >= 2) return;
      if (this.readyState === 0) {
        this.#fail(new Error('The WebSocket was closed before it was open'));
        return;
      }
      this.readyState = 2;
      this.#sendClose(code, reason);
    }

    #handshake(target: URL, headers: Record<string, string>): string {
      const lines = [
        `GET ${target.pathname}${target.search} HTTP/1.1`,
        `Host: ${target.host}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Key: ${this.#key}`,
        'Sec-WebSocket-Version: 13',
      ];
      if (this.#offered.length > 0) lines.push(`Sec-WebSocket-Protocol: ${this.#offered.join(', ')}`);
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`.replace(/[\r\n]/g, ' '));
      return `${lines.join('\r\n')}\r\n\r\n`;
    }

    #onData(chunk: Buffer): void {
      try {
        if (this.#head) this.#onHead(chunk);
        else this.#decoder.push(chunk);
      } catch (error) {
        this.#fail(error as Error);
      }
    }

    #onHead(chunk: Buffer): void {
      this.#head = Buffer.concat([this.#head!, chunk]);
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) {
        if (this.#head.length > maxHeadBytes) throw new Error('The head of the answer is too large');
        return;
      }
      const lines = this.#head.toString('latin1', 0, end).split('\r\n');
      const rest = this.#head.subarray(end + 4);
      this.#head = null;
      const headers = new Map<string, string>();
      for (const line of lines.slice(1)) {
        const colon = line.indexOf(':');
        headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
      }
      const accept = this.#crypto
        .createHash('sha1')
        .update(this.#key + acceptSuffix)
        .digest('base64');
      if (!/^HTTP\/1\.1 101 /.test(`${lines[0]} `) || headers.get('sec-websocket-accept') !== accept) {
        throw new Error(`The server did not agree to a WebSocket: ${lines[0]}`);
      }
      this.protocol = headers.get('sec-websocket-protocol') ?? '';
      if (this.protocol && !this.#offered.includes(this.protocol))
        throw new Error('The server chose a protocol that was not offered');
      this.readyState = 1;
      this.#emit(new Event('open'));
      if (rest.length > 0) this.#decoder.push(rest);
    }

    #onMessage(code: number, payload: Buffer): void {
      if (this.readyState !== 1) return;
      const bytes = new Uint8Array(payload);
      const data =
        code === opcode.text
          ? new TextDecoder('utf-8', { fatal: true }).decode(bytes)
          : this.binaryType === 'arraybuffer'
            ? bytes.buffer
            : new Blob([bytes]);
      this.#emit(makeEvent('message', { data, origin: new URL(this.url).origin }));
    }

    #onControl(code: number, payload: Buffer): void {
      if (code === opcode.ping) this.#write(opcode.pong, payload);
      if (code !== opcode.close) return;
      this.#closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#closeReason = payload.toString('utf8', 2);
      if (this.readyState === 1) this.readyState = 2;
      this.#sendClose(this.#closeCode === 1005 ? 1000 : this.#closeCode, '');
      this.#socket.end();
    }

    #sendClose(code: number, reason: string): void {
      if (this.#closeSent) return;
      this.#closeSent = true;
      const text = Buffer.from(reason);
      const payload = Buffer.alloc(2 + text.length);
      payload.writeUInt16BE(code, 0);
      text.copy(payload, 2);
      this.#write(opcode.close, payload);
    }

    #write(code: number, payload: Uint8Array): void {
      if (!this.#socket.writable) return;
      this.bufferedAmount += payload.length;
      this.#socket.write(encodeFrame(code, payload), () => {
        this.bufferedAmount -= payload.length;
      });
    }

    #fail(error: Error): void {
      if (this.readyState === 3) return;
      this.#emit(makeEvent('error', { error, message: error.message }));
      this.#socket.destroy();
    }

    #onSocketClose(): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      const wasClean = this.#closeCode !== 1006;
      this.#emit(makeEvent('close', { code: this.#closeCode, reason: this.#closeReason, wasClean }));
    }

    #emit(event: Event): void {
      const handler = this[`on${event.type}` as 'onopen'];
      handler?.call(this, event);
      this.dispatchEvent(event);
    }
  };
}
