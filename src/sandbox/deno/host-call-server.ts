import { TackleError } from '../../core/errors.ts';
import type { HostCallContext, HostFunctions } from '../../ports/sandbox.ts';
import { frameType, maxOpenCalls } from '../runtime/protocol.ts';
import { ProtocolViolation } from './frame-reader.ts';
import { parseFrameJson } from './parse-answers.ts';
import type { ProcessLink } from './process-link.ts';
import { toAppError } from './wire-errors.ts';

/** Answers of this many bytes may wait for a process that does not read them, before its own frames wait. */
const maxQueuedBytes = 32 * 1024 * 1024;

/** Answers the calls that the process makes. */
export class HostCallServer {
  readonly #link: ProcessLink;
  readonly #host: HostFunctions;
  readonly #open = new Set<number>();

  constructor(link: ProcessLink, host: HostFunctions) {
    this.#link = link;
    this.#host = host;
  }

  /** `context` is an error when the invocation may not call any more. */
  start(id: number, method: string, paramsText: string, context: HostCallContext | TackleError): void {
    if (this.#open.has(id)) throw new ProtocolViolation(`Call ${id} is open already`);
    if (this.#open.size >= maxOpenCalls) throw new ProtocolViolation(`More than ${maxOpenCalls} calls are open`);
    const params = parseFrameJson(paramsText);
    this.#open.add(id);
    if (context instanceof TackleError) {
      this.#reject(id, context);
      return;
    }
    this.#host.call(method, params, context).then(
      (result) => this.#resolve(id, result),
      (error) => this.#reject(id, error),
    );
  }

  #resolve(id: number, result: unknown): void {
    let text: string;
    try {
      text = toText(result);
    } catch (error) {
      this.#reject(id, error);
      return;
    }
    this.#finish(id, frameType.result, text);
  }

  #reject(id: number, error: unknown): void {
    this.#finish(id, frameType.error, JSON.stringify(toAppError(error)));
  }

  #finish(id: number, type: number, text: string): void {
    this.#open.delete(id);
    const { writer, socket, ending } = this.#link;
    if (ending) return;
    writer.send(type, id, text);
    if (writer.queuedBytes > maxQueuedBytes && !socket.isPaused()) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  }
}

function toText(result: unknown): string {
  if (result === undefined) return '';
  if (typeof result === 'object' && result !== null && 'rawJson' in result && typeof result.rawJson === 'string') {
    if (Object.keys(result).length === 1) return result.rawJson;
  }
  return JSON.stringify(result);
}
