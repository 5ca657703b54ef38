import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const tackle = join(import.meta.dirname, '../../bin/tackle');

export interface GatewayOptions {
  /** Kept across restarts when given; otherwise a temporary one that `stop` removes. */
  readonly home?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A real gateway in its own process, started by the launcher that users start. */
export interface GatewayProcess {
  readonly url: string;
  readonly port: number;
  readonly home: string;
  readonly adminToken: string;
  readonly child: ChildProcess;
  readonly pid: number;
  /** Standard error so far. */
  stderr(): string;
  /** Asks to stop and waits; removes a temporary home. */
  stop(): Promise<void>;
  /** `kill -9`, then waits until it is gone. Keeps the home. */
  kill(): Promise<void>;
}

export async function startGateway(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'tackle-test-')));
  const child = spawn(tackle, ['up', '--home', home, '--port', '0', ...(options.args ?? [])], {
    env: { ...process.env, TACKLE_LOG_LEVEL: 'warn', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A test process that dies must not leave its gateway behind.
  const killWithTest = () => child.kill('SIGKILL');
  process.once('exit', killWithTest);
  const exited = once(child, 'exit').finally(() => process.off('exit', killWithTest));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-100_000);
  });
  const url = await readReadyUrl(child, () => errors);
  const adminToken = (await readFile(join(home, 'admin.token'), 'utf8')).trim();
  return {
    url,
    port: Number(new URL(url).port),
    home,
    adminToken,
    child,
    pid: child.pid as number,
    stderr: () => errors,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await exited;
      }
      if (options.home === undefined) await rm(home, { recursive: true, force: true });
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function readReadyUrl(child: ChildProcess, errors: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      const url = /https?:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`the gateway ended before it was ready (${code ?? signal})\n${errors()}`)),
    );
    child.once('error', reject);
  });
}

export interface RawResponse {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly rawHeaders: readonly string[];
  readonly bytes: Buffer;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  json(): any;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Uint8Array;
}

/** HTTP without fetch's own rules: any Host header, any Origin, no redirects followed, no connection kept. */
export function send(baseUrl: string, path: string, options: RawRequest = {}): Promise<RawResponse> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path, method: options.method ?? 'GET', headers: options.headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: response.statusCode as number,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            bytes,
            text: bytes.toString('utf8'),
            json: () => JSON.parse(bytes.toString('utf8')),
          });
        });
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}
