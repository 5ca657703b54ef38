import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { TackleError } from '../core/errors.ts';

export interface HttpServerOptions {
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** A client that is slower than this while sending its head, or goes silent within a request, is cut off. */
const headersTimeoutMs = 15_000;
const requestTimeoutMs = 300_000;
/** Longer than the 60 s that reverse proxies keep a connection open, so that they never send into a closing one. */
const keepAliveTimeoutMs = 65_000;
const maxHeaderBytes = 32 * 1024;

export function createHttpServer(options: HttpServerOptions, listener: RequestListener): Server {
  const limits = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
  };
  const server =
    options.tls === null
      ? createPlainServer(limits, listener)
      : createTlsServer({ ...limits, cert: options.tls.cert, key: options.tls.key }, listener);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? '408 Request Timeout'
          : '400 Bad Request';
    const body = JSON.stringify({
      error: { code: 'invalid_request', message: `The request could not be read: ${status.slice(4)}.` },
    });
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  return server;
}

/** Listening and stopping of one server. */
export interface Listener {
  readonly server: Server;
  /** Resolves with the port once it accepts connections; rejects naming address and port. */
  listen(host: string, port: number): Promise<number>;
  /** Takes no new connection; resolves when every request under way is answered, or after `timeoutMs` by force. */
  drain(timeoutMs: number): Promise<void>;
}

export function createListener(server: Server): Listener {
  return {
    server,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        const fail = (error: NodeJS.ErrnoException) => reject(explainListenError(error, host, port));
        server.once('error', fail);
        server.listen({ host, port }, () => {
          server.off('error', fail);
          const address = server.address();
          resolve(typeof address === 'object' && address !== null ? address.port : port);
        });
      }),
    async drain(timeoutMs) {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), timeoutMs);
      await closed;
      clearTimeout(force);
    },
  };
}

function explainListenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const messages: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} of ${host} is taken by another program. Choose another one with --port.`,
    EADDRNOTAVAIL: `${host} is no address of this machine. Choose another one with --host.`,
    EACCES: `This user may not listen to port ${port}. Choose one from 1024 with --port.`,
  };
  const message = messages[error.code ?? ''];
  return message === undefined ? error : new TackleError('conflict', message, { cause: error });
}
