import { TackleError } from '../../core/errors.ts';
import type {
  AppManifest,
  AppProcess,
  AppProcessOptions,
  HostCallContext,
  HostFunctions,
} from '../../ports/sandbox.ts';
import { dnsMethod, frameType, type LoadMessage, logTypes } from '../runtime/protocol.ts';
import { type AppParts, DenoAppProcess } from './deno-app-process.ts';
import { EgressServer, type EgressSettings } from './egress-server.ts';
import { ProtocolViolation } from './frame-reader.ts';
import { HostCallServer } from './host-call-server.ts';
import { LogIntake } from './log-intake.ts';
import { parseFrameJson, parseManifest } from './parse-answers.ts';
import type { ProcessLink } from './process-link.ts';
import type { Supervisor } from './supervisor.ts';
import { parseWireError } from './wire-errors.ts';

const codeChunkBytes = 1024 * 1024;
const maxWorkers = 4;

/** Sends the code to a warm process and waits until it is evaluated. */
export async function loadApp(
  link: ProcessLink,
  options: AppProcessOptions,
  supervisor: Supervisor,
  outside: Pick<EgressSettings, 'services' | 'onEgress'>,
): Promise<AppProcess> {
  const logs = new LogIntake((entry) => options.onLog(entry));
  const egress = new EgressServer(link, { ...outside, policy: options.egress, label: options.label });
  const calls = new HostCallServer(link, withDns(options.host, egress));
  link.onOutput = (stream, text) => logs.output(stream, text);
  const loading = new AppLoading(link, options, { calls, logs, egress });
  void link.exited.then(() => options.host.end?.());
  sendCode(link, options);
  const app = await loading.finished;
  supervisor.adopt(link, app);
  return app;
}

/** The sandbox answers for names itself; everything else is the host's. */
function withDns(host: HostFunctions, egress: EgressServer): HostFunctions {
  return {
    call: (method, params, context) =>
      method === dnsMethod ? egress.lookUp(params) : host.call(method, params, context),
  };
}

function sendCode(link: ProcessLink, options: AppProcessOptions): void {
  const code = Buffer.from(options.code, 'utf8');
  for (let offset = 0; offset < code.length; offset += codeChunkBytes) {
    link.writer.sendBytes(frameType.code, 0, code.subarray(offset, offset + codeChunkBytes));
  }
  const message: LoadMessage = { label: options.label, env: { ...options.env }, maxWorkers };
  link.writer.sendJson(frameType.load, 0, message);
}

const moduleLevel: HostCallContext = { invocation: null, signal: new AbortController().signal };

/** The time between LOAD and LOADED: module-level code may log and call already. */
class AppLoading {
  readonly finished: Promise<DenoAppProcess>;
  readonly #link: ProcessLink;
  readonly #options: AppProcessOptions;
  readonly #parts: AppParts;
  readonly #resolve: (app: DenoAppProcess) => void;
  readonly #reject: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(link: ProcessLink, options: AppProcessOptions, parts: AppParts) {
    this.#link = link;
    this.#options = options;
    this.#parts = parts;
    const { promise, resolve, reject } = Promise.withResolvers<DenoAppProcess>();
    this.finished = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    const { evaluationTimeoutMs } = options.limits;
    this.#timer = setTimeout(
      () =>
        this.#fail(
          `it was not evaluated within ${evaluationTimeoutMs} ms: a loop or an await at the top level of a module does not end`,
        ),
      evaluationTimeoutMs,
    );
    link.onFrame = this.#onFrame;
    void link.exited.then((exit) => {
      this.#fail(`its process ended (${exit.reason})${exit.stderr ? `: ${exit.stderr}` : ''}`);
    });
  }

  readonly #onFrame = (type: number, id: number, bytes: Buffer, start: number, end: number): void => {
    switch (type) {
      case frameType.loaded:
        this.#loaded(parseManifest(bytes.toString('utf8', start, end)));
        break;
      case frameType.loadFailed: {
        const error = parseWireError(parseFrameJson(bytes.toString('utf8', start, end)));
        // The stack is for the details; what people read first is one line.
        this.#fail(`${error.name ?? 'Error'}: ${error.message}`, {
          name: error.name,
          message: error.message,
          stack: error.stack,
        });
        break;
      }
      case frameType.call: {
        const paramsStart = start + 5 + (bytes[start + 4] ?? 0);
        if (paramsStart > end) throw new ProtocolViolation('A call with a broken head');
        const method = bytes.toString('latin1', start + 5, paramsStart);
        this.#parts.calls.start(id, method, bytes.toString('utf8', paramsStart, end), moduleLevel);
        break;
      }
      case frameType.log: {
        const logtype = logTypes[bytes[start] ?? 255];
        if (start >= end || !logtype) throw new ProtocolViolation('A log line of an unknown type');
        this.#parts.logs.line(null, logtype, bytes.toString('utf8', start + 1, end));
        break;
      }
      case frameType.pong:
        this.#link.lastPong = performance.now();
        break;
      default:
        if (id % 2 === 1) {
          this.#parts.egress.onFrame(type, id, bytes, start, end);
          break;
        }
        throw new ProtocolViolation(`A frame of type ${type} while the app was loading`);
    }
  };

  #loaded(manifest: AppManifest): void {
    clearTimeout(this.#timer);
    this.#resolve(new DenoAppProcess(this.#link, this.#options.label, this.#parts, manifest));
  }

  #fail(why: string, details?: unknown): void {
    clearTimeout(this.#timer);
    this.#link.kill('stopped', '');
    this.#reject(new TackleError('deploy_failed', `The app did not start: ${why}`, { details }));
  }
}
