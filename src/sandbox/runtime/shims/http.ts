import type { Duplex } from 'node:stream';
import { refusedFunction } from './refused.ts';

interface RequestOptions {
  agent?: unknown;
  createConnection?: unknown;
  [name: string]: unknown;
}

type Native = Record<string, unknown>;
type Request = (options: RequestOptions, onResponse?: unknown) => { end(): void };
interface Message {
  setHeader(name: string, value: unknown): unknown;
}
type MessageClass = new () => Message;
type AgentClass = new (options?: object) => object;

/**
 * `http` or `https`: the runtime's own client over our connections. Agents of this module make them by `connect`; a request
 * without an agent gets one of ours.
 */
export function createHttp(
  name: 'http' | 'https',
  native: Native,
  connect: (options: object) => Duplex,
): Record<string, unknown> {
  const NativeAgent = native.Agent as AgentClass;
  class Agent extends NativeAgent {
    createConnection(options: object): Duplex {
      return connect(options);
    }
  }
  const globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });
  const nativeRequest = native.request as Request;
  const module: Record<string, unknown> = {
    ...native,
    Agent,
    globalAgent,
    createServer: refusedFunction(`${name}.createServer`),
    Server: refusedFunction(`${name}.Server`),
    request: (...args: unknown[]) => request(args),
    get: (...args: unknown[]) => {
      const outgoing = request(args);
      outgoing.end();
      return outgoing;
    },
  };
  if (name === 'http') module.OutgoingMessage = widenOutgoingMessage(native.OutgoingMessage as MessageClass);
  module.default = module;

  function request(args: unknown[]): { end(): void } {
    const { options, onResponse } = parseArguments(args, name);
    if (!options.createConnection) {
      if (options.agent === undefined || options.agent === null) options.agent = module.globalAgent;
      else if (options.agent === false) options.agent = new Agent();
    }
    return nativeRequest(options, onResponse);
  }

  return module;
}

/**
 * Middleware that wants to reach past what Express adds to a response calls `OutgoingMessage.prototype.setHeader` on it; ours is
 * no such message, and has the method itself.
 */
function widenOutgoingMessage(Native: MessageClass): MessageClass {
  return class OutgoingMessage extends Native {
    override setHeader(name: string, value: unknown): unknown {
      return this instanceof Native ? super.setHeader(name, value) : (this as Message).setHeader(name, value);
    }
  };
}

/** `(url[, options][, callback])` or `(options[, callback])`, as one options object of our own. */
function parseArguments(args: unknown[], name: string): { options: RequestOptions; onResponse?: unknown } {
  const [first, ...rest] = args;
  const onResponse = args.find((argument) => typeof argument === 'function');
  const given = (typeof first === 'string' || first instanceof URL ? rest[0] : first) as RequestOptions | undefined;
  const own: RequestOptions = typeof given === 'object' && given !== null ? { ...given } : {};
  const url = typeof first === 'string' ? new URL(first) : first instanceof URL ? first : null;
  if (!url) return { options: own, onResponse };
  if (url.protocol !== `${name}:`) {
    throw Object.assign(new TypeError(`Protocol "${url.protocol}" not supported. Expected "${name}:"`), {
      code: 'ERR_INVALID_PROTOCOL',
    });
  }
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const options: RequestOptions = {
    protocol: url.protocol,
    hostname,
    path: `${url.pathname}${url.search}`,
    ...(url.port ? { port: Number(url.port) } : {}),
    ...(url.username || url.password
      ? { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` }
      : {}),
    ...own,
  };
  return { options, onResponse };
}
