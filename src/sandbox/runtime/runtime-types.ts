/**
 * The seam inside the sandbox process between the bootstrap (channel, permissions, evaluation) and the ABI (what app code
 * sees). Nothing here runs in the gateway.
 *
 * The code of an app (`AppProcessOptions.code`) is one classic script, evaluated as the body of a function in the global
 * scope under the source URL `app.js` (so line 1 of a stack is line 1 of the code). When it has run, `globalThis.__tackleExports`
 * must hold the module's exports, or a promise of them; what app.js left there goes to `AbiFactory.load`. A webpack bundle
 * (`var EntryPoint=…`) therefore needs one more line, `;globalThis.__tackleExports=EntryPoint;`, and our builds an IIFE.
 * Built-in modules are reached with the global `require(name)` only, with or without `node:`; the table of what it answers
 * is `runtime/builtins.ts`. An `import()` of a built-in fails closed: the process has no permissions.
 *
 * The bootstrap provides before `install`: `require`, `process` (`env` is the space's variables), `console` (each line goes to
 * `HostChannel.log`), `Buffer`, `setImmediate`, `global`, `fetch`, `WebSocket` and a capped `Worker`;
 * the name `Deno` is undefined in the code.
 * The ABI provides what is specific to apps (`DB`, `Datastore`, `_coho_fs`).
 */
import type { AppManifest, AppTask, AppTaskResult, LogEntry } from '../../ports/sandbox.ts';

/** The way out of the process, given to the ABI by the bootstrap. */
export interface HostChannel {
  /** Calls a host function; carries the current invocation (AsyncLocalStorage) by itself. Rejects with an Error that has `code` and the host error's enumerable properties. */
  call(method: string, params: unknown): Promise<unknown>;
  /** The same, but resolves with the JSON text as it came, unparsed. */
  callText(method: string, params: unknown): Promise<string>;
  log(entry: Omit<LogEntry, 'time' | 'context'>): void;
}

/** Head of an HTTP request as it arrives in the process (AppRequest without its body). */
export interface RequestHead {
  readonly method: string;
  readonly hostname: string;
  readonly headers: Record<string, string | string[]>;
  readonly path: string;
  readonly apiPath: string;
  readonly originalUrl: string;
  readonly query: Record<string, string | string[]>;
  readonly remoteAddress: string;
  readonly space: string;
  readonly authHook: number | null;
  readonly route: number | null;
  readonly params: Record<string, string>;
  readonly middleware: number[];
}

/** Where the ABI writes a response. `head` once, then `write`s, then `end`; `end` with a body alone is the fast path. */
export interface ResponseSink {
  head(status: number, headers: [string, string][]): void;
  /** Resolves when the gateway is ready for more. Rejects when the client is gone. */
  write(chunk: Uint8Array): Promise<void>;
  end(chunk?: Uint8Array | string): void;
  /** Ends the response as failed: what was sent of it breaks off, and the client can see that it is not whole. */
  abort(error: unknown): void;
  /** Aborts when the client disconnects or the invocation times out. */
  readonly signal: AbortSignal;
}

/** How a task is told that it is not wanted any more. */
export interface TaskControl {
  /** Made when somebody looks at it. */
  readonly signal: AbortSignal;
  /** Called when the task is cancelled, its time being over or its lease lost. */
  onCancel: (() => void) | null;
}

/** What the ABI gives the bootstrap after the app was evaluated. */
export interface AppRuntime {
  readonly manifest: AppManifest;
  handleRequest(
    head: RequestHead,
    body: Uint8Array | ReadableStream<Uint8Array> | null,
    sink: ResponseSink,
  ): Promise<void>;
  runTask(task: AppTask, control: TaskControl): Promise<AppTaskResult>;
}

/** Made by the ABI, called by the bootstrap: first `install` (globals), then the bundle, then `load` with its exports. */
export interface AbiFactory {
  install(channel: HostChannel, env: Record<string, string>): void;
  load(moduleExports: unknown): AppRuntime;
}
