import { Resolver } from 'node:dns/promises';
import type { Socket } from 'node:net';
import { TackleError } from '../../core/errors.ts';
import { isPlainObject, type Json } from '../../core/json.ts';
import type { Dialer, OutboundHttp } from '../../ports/outbound-http.ts';
import type { EgressPolicy } from '../../ports/sandbox.ts';
import { IncomingBytes, OutgoingBytes, type StreamEnds } from '../runtime/byte-streams.ts';
import { frameType, maxOpenStreams, type OpenMessage } from '../runtime/protocol.ts';
import { ProtocolViolation } from './frame-reader.ts';
import { parseFrameJson } from './parse-answers.ts';
import type { ProcessLink } from './process-link.ts';
import { parseWireError, toAppError } from './wire-errors.ts';

/** What the gateway does outside for a process. */
export interface EgressServices {
  readonly http: OutboundHttp;
  readonly dialer: Dialer;
}

/** A connection that an app opened or was refused. */
export interface EgressEvent {
  readonly label: string;
  readonly kind: 'fetch' | 'tcp' | 'dns';
  readonly target: string;
  /** Why the rules forbid it; null when they allow it, even when it failed for another reason. */
  readonly refusal: string | null;
}

export interface EgressSettings {
  /** Null: nothing leaves. */
  readonly services: EgressServices | null;
  readonly policy: EgressPolicy;
  readonly label: string;
  readonly onEgress: (event: EgressEvent) => void;
}

const connectTimeoutMs = 15_000;
const fetchTimeoutMs = 120_000;

class EgressStream implements StreamEnds {
  readonly incoming: IncomingBytes;
  readonly outgoing: OutgoingBytes;
  readonly abort = new AbortController();
  inEnded = false;
  outEnded = false;

  constructor(incoming: IncomingBytes, outgoing: OutgoingBytes) {
    this.incoming = incoming;
    this.outgoing = outgoing;
  }
}

/** The streams that one process opened to the outside. */
export class EgressServer {
  readonly #link: ProcessLink;
  readonly #settings: EgressSettings;
  readonly #open = new Map<number, EgressStream>();
  #lastId = 0;

  constructor(link: ProcessLink, settings: EgressSettings) {
    this.#link = link;
    this.#settings = settings;
    void link.exited.then(() => this.#closeAll());
  }

  /** Frames with odd ids. */
  onFrame(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (type === frameType.open) {
      this.#openStream(id, parseFrameJson(bytes.toString('utf8', start, end)));
      return;
    }
    const stream = this.#open.get(id);
    if (!stream) {
      if (id > this.#lastId) throw new ProtocolViolation(`A stream ${id} that never was`);
      return;
    }
    switch (type) {
      case frameType.data:
        if (!stream.incoming.push(bytes.subarray(start, end)))
          throw new ProtocolViolation('More data than there was credit for');
        break;
      case frameType.end:
        stream.incoming.end();
        stream.inEnded = true;
        this.#closeIfEnded(id, stream);
        break;
      case frameType.credit:
        if (end - start !== 4) throw new ProtocolViolation('A broken credit');
        if (!stream.outgoing.addCredit(bytes.readUInt32LE(start)))
          throw new ProtocolViolation('More credit than was used');
        break;
      case frameType.abort:
        this.#drop(id, stream, new Error(parseWireError(parseFrameJson(bytes.toString('utf8', start, end))).message));
        break;
      default:
        throw new ProtocolViolation(`A frame of type ${type} for a stream`);
    }
  }

  /** Answers of the resolver, for `dns` in the process. */
  async lookUp(params: unknown): Promise<Json> {
    if (!isPlainObject(params) || typeof params.hostname !== 'string' || typeof params.type !== 'string') {
      throw new TackleError('invalid_request', 'A name and a record type are needed');
    }
    const { hostname, type } = params;
    const { services, policy } = this.#settings;
    try {
      if (!services) throw noEgress(hostname);
      const answer = await resolveRecords(services.dialer, policy, hostname, type);
      this.#report('dns', `${type} ${hostname}`, null);
      return answer;
    } catch (error) {
      this.#report('dns', `${type} ${hostname}`, refusalOf(error));
      throw error;
    }
  }

  #openStream(id: number, value: unknown): void {
    const reused = id <= this.#lastId && this.#lastId < 0xffff_0000;
    if (reused || this.#open.has(id)) throw new ProtocolViolation(`Stream ${id} was there already`);
    if (this.#open.size >= maxOpenStreams) throw new ProtocolViolation(`More than ${maxOpenStreams} streams are open`);
    const message = parseOpenMessage(value);
    this.#lastId = id;
    const { writer } = this.#link;
    const stream = new EgressStream(new IncomingBytes(writer, id, () => {}), new OutgoingBytes(writer, id));
    this.#open.set(id, stream);
    const target = message.kind === 'fetch' ? `${message.method} ${message.url}` : `${message.host}:${message.port}`;
    const work = message.kind === 'fetch' ? this.#fetch(id, stream, message) : this.#connect(id, stream, message);
    work.then(
      () => this.#report(message.kind, target, null),
      (error: unknown) => {
        this.#report(message.kind, target, refusalOf(error));
        if (this.#open.get(id) === stream) this.#sendAbort(id, stream, error);
      },
    );
  }

  async #fetch(id: number, stream: EgressStream, message: OpenMessage & { kind: 'fetch' }): Promise<void> {
    const { services, policy } = this.#settings;
    if (!services) throw noEgress(message.url);
    const response = await services.http.request({
      method: message.method,
      url: message.url,
      headers: message.headers,
      body: message.hasBody ? stream.incoming.stream : null,
      ...(message.bodyBytes === undefined ? {} : { bodyBytes: message.bodyBytes }),
      maxRedirects: message.maxRedirects,
      timeoutMs: fetchTimeoutMs,
      signal: stream.abort.signal,
      policy,
    });
    if (this.#open.get(id) !== stream) {
      response.body?.cancel().catch(() => {});
      return;
    }
    const { status, headers, url, redirected } = response;
    this.#link.writer.sendJson(frameType.accept, id, { status, headers, url, redirected });
    // An answer may come before the whole body was sent; the rest of it is of no use.
    stream.inEnded = true;
    this.#sendBody(id, stream, response.body).catch(() => {});
  }

  async #sendBody(id: number, stream: EgressStream, body: ReadableStream<Uint8Array> | null): Promise<void> {
    try {
      if (body) for await (const chunk of body) await stream.outgoing.write(chunk);
      this.#endOutgoing(id, stream);
    } catch (error) {
      if (this.#open.get(id) === stream) this.#sendAbort(id, stream, error);
      await body?.cancel().catch(() => {});
    }
  }

  async #connect(id: number, stream: EgressStream, message: OpenMessage & { kind: 'tcp' }): Promise<void> {
    const { services, policy } = this.#settings;
    const { host, port } = message;
    if (!services) throw noEgress(`${host}:${port}`);
    const { signal } = stream.abort;
    const socket = await services.dialer.connect({ host, port, policy, timeoutMs: connectTimeoutMs, signal });
    if (this.#open.get(id) !== stream) {
      socket.destroy();
      return;
    }
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    const { remoteAddress, remotePort, remoteFamily } = socket;
    this.#link.writer.sendJson(frameType.accept, id, { remoteAddress, remotePort, remoteFamily });
    this.#readSocket(id, stream, socket).catch(() => {});
    this.#writeSocket(id, stream, socket).catch(() => {});
  }

  async #readSocket(id: number, stream: EgressStream, socket: Socket): Promise<void> {
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false }))
        await stream.outgoing.write(chunk as Buffer);
      this.#endOutgoing(id, stream);
    } catch (error) {
      socket.destroy();
      if (this.#open.get(id) === stream) this.#sendAbort(id, stream, error);
    }
  }

  async #writeSocket(id: number, stream: EgressStream, socket: Socket): Promise<void> {
    try {
      for await (const chunk of stream.incoming.stream) {
        if (!socket.write(chunk)) await drained(socket);
      }
      socket.end();
    } catch (error) {
      socket.destroy();
      if (this.#open.get(id) === stream) this.#sendAbort(id, stream, error);
    }
  }

  #endOutgoing(id: number, stream: EgressStream): void {
    stream.outgoing.end();
    stream.outEnded = true;
    this.#closeIfEnded(id, stream);
  }

  #closeIfEnded(id: number, stream: EgressStream): void {
    if (stream.inEnded && stream.outEnded) this.#open.delete(id);
  }

  #sendAbort(id: number, stream: EgressStream, error: unknown): void {
    this.#link.writer.sendJson(frameType.abort, id, toAppError(error));
    this.#drop(id, stream, error instanceof Error ? error : new Error(String(error)));
  }

  #drop(id: number, stream: EgressStream, error: Error): void {
    this.#open.delete(id);
    stream.incoming.fail(error);
    stream.outgoing.fail(error);
    stream.abort.abort(error);
  }

  #closeAll(): void {
    const error = new Error('The process ended');
    for (const [id, stream] of this.#open) this.#drop(id, stream, error);
  }

  #report(kind: EgressEvent['kind'], target: string, refusal: string | null): void {
    this.#settings.onEgress({ label: this.#settings.label, kind, target, refusal });
  }
}

function noEgress(target: string): TackleError {
  return new TackleError('egress_blocked', `Connections to ${target} are not allowed: nothing leaves this sandbox`);
}

function refusalOf(error: unknown): string | null {
  return error instanceof TackleError && error.code === 'egress_blocked' ? error.message : null;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('The connection was closed'));
    socket.once('close', onClose);
    socket.once('drain', () => {
      socket.off('close', onClose);
      resolve();
    });
  });
}

async function resolveRecords(dialer: Dialer, policy: EgressPolicy, hostname: string, type: string): Promise<Json> {
  if (type === 'lookup') {
    // The port only matters for ports that are denied altogether; any other will do.
    const addresses = await dialer.resolve(hostname, 443, { ...policy, deniedPorts: [] });
    return addresses.map(({ address, family }) => ({ address, family }));
  }
  if (!['MX', 'TXT', 'CNAME', 'NS', 'SRV', 'SOA', 'CAA', 'NAPTR'].includes(type)) {
    throw new TackleError('invalid_request', `Records of type ${type} cannot be asked for`);
  }
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  return (await resolver.resolve(hostname, type)) as unknown as Json;
}

function parseOpenMessage(value: unknown): OpenMessage {
  if (isPlainObject(value) && value.kind === 'tcp') {
    const { host, port } = value;
    if (typeof host === 'string' && typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536) {
      return { kind: 'tcp', host, port };
    }
  }
  if (isPlainObject(value) && value.kind === 'fetch') {
    const { method, url, headers, hasBody, bodyBytes, maxRedirects } = value;
    const validHeaders =
      Array.isArray(headers) &&
      headers.every(
        (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string'),
      );
    const validCounts =
      typeof maxRedirects === 'number' &&
      maxRedirects >= 0 &&
      maxRedirects <= 20 &&
      (bodyBytes === undefined || (typeof bodyBytes === 'number' && Number.isSafeInteger(bodyBytes) && bodyBytes >= 0));
    if (typeof method === 'string' && typeof url === 'string' && validHeaders && validCounts) {
      return {
        kind: 'fetch',
        method,
        url,
        headers: headers as [string, string][],
        hasBody: hasBody === true,
        bodyBytes,
        maxRedirects,
      };
    }
  }
  throw new ProtocolViolation('A stream was opened to nowhere');
}
