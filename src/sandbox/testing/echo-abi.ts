import type { AppTask, AppTaskResult } from '../../ports/sandbox.ts';
import type { AbiFactory, AppRuntime, HostChannel, RequestHead, ResponseSink } from '../runtime/runtime-types.ts';

/**
 * The smallest ABI, for tests and benchmarks of the sandbox itself. The exports of the code are
 * `{ request(head, body, sink, host), task(task, signal, host), manifest }`, all optional.
 */
interface EchoExports {
  readonly manifest?: Partial<AppRuntime['manifest']>;
  request?(
    head: RequestHead,
    body: Uint8Array | ReadableStream<Uint8Array> | null,
    sink: ResponseSink,
    host: HostChannel,
  ): Promise<void>;
  task?(task: AppTask, signal: AbortSignal, host: HostChannel): Promise<AppTaskResult>;
}

let host: HostChannel;

export const abi: AbiFactory = {
  install(channel) {
    host = channel;
    (globalThis as { host?: HostChannel }).host = channel;
  },
  load(moduleExports) {
    const exports = moduleExports as EchoExports;
    return {
      manifest: {
        routes: [],
        auths: [],
        middleware: [],
        queues: [],
        workers: [],
        jobs: [],
        realtime: [],
        settings: {},
        hasStartup: false,
        extensions: {},
        ...exports.manifest,
      },
      async handleRequest(head, body, sink) {
        await exports.request!(head, body, sink, host);
      },
      async runTask(task, { signal }) {
        return (await exports.task!(task, signal, host)) ?? { status: 200, output: null };
      },
    };
  },
};
