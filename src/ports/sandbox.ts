import type { Json, JsonObject } from '../core/json.ts';

/** What an app registered, as plain data: the keys of the manifest of the app ABI, never its functions. */
export interface AppManifest {
  /** `VERB path` or `* path`, in registration order; a RegExp path is `{"$regex":"/src/flags"}`. */
  readonly routes: readonly string[];
  /** Auth hook keys in registration order. */
  readonly auths: readonly string[];
  /** Global middleware in order: null for those without a path. */
  readonly middleware: readonly (string | null)[];
  readonly queues: readonly string[];
  readonly workers: readonly string[];
  readonly jobs: readonly string[];
  readonly realtime: readonly string[];
  readonly settings: JsonObject;
  readonly hasStartup: boolean;
  /** What else a library declares about itself, for example workflow definitions. */
  readonly extensions: JsonObject;
}

/** One HTTP request for the app; routing and token checks are done. */
export interface AppRequest {
  readonly method: string;
  /** Host without port. */
  readonly hostname: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly path: string;
  readonly apiPath: string;
  readonly originalUrl: string;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly remoteAddress: string;
  readonly space: string;
  /** Index into `manifest.auths` of the hook that must allow the request; null when a token already did. */
  readonly authHook: number | null;
  /** Index into `manifest.routes`; null when only the auth hook can answer (it may redirect), else 404 follows. */
  readonly route: number | null;
  readonly params: Readonly<Record<string, string>>;
  /** Indexes into `manifest.middleware` that match the path, with the params each of them sees. */
  readonly middleware: readonly number[];
  /** The whole body when it was small and complete, otherwise a stream. Null without body. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

export interface AppResponse {
  readonly status: number;
  /** In order; repeated names are repeated entries. Names as the app wrote them. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

/** Work for the app that is not an HTTP request. `kind` selects the handler family, `name` the handler in it. */
export interface AppTask {
  readonly kind: 'startup' | 'worker' | 'job' | 'step' | 'event';
  readonly name: string;
  readonly input: Json;
}

export interface AppTaskResult {
  /** As set by the handler on its `res`; 200 when it returned without touching it. */
  readonly status: number;
  readonly output: Json;
}

/** What can call an invocation off. An AbortSignal is one; cheaper ones are welcome on the path of every request. */
export interface CancelSource {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface InvokeOptions {
  readonly timeoutMs: number;
  readonly signal?: CancelSource;
  /** Handed to every host call that this invocation makes (the fence of its task, for example). */
  readonly context?: Json;
}

export interface LogEntry {
  readonly context: string;
  readonly logtype: 'log' | 'error' | 'warn' | 'info' | 'debug';
  readonly log: string;
  readonly time: number;
}

/** A result that is JSON text already; it is passed on as it is. */
export interface RawJson {
  readonly rawJson: string;
}

export interface HostCallContext {
  /** Null for calls outside of any invocation (module level, timers after the end). */
  readonly invocation: { readonly id: number; readonly kind: string; readonly context: Json } | null;
  readonly signal: AbortSignal;
}

/**
 * Everything the app can reach outside its process, by method name. Values are JSON; a rejection reaches the app as an
 * error with the same message, code and enumerable properties. Frames are hostile input: parameters must be validated.
 */
export interface HostFunctions {
  call(method: string, params: unknown, context: HostCallContext): Promise<Json | RawJson | undefined>;
  /** Called once, when the process has ended and calls no more. */
  end?(): void;
}

export interface AppProcessOptions {
  /** For logs and process listing: project/space/version. */
  readonly label: string;
  readonly code: string;
  readonly env: Readonly<Record<string, string>>;
  readonly limits: { readonly memoryMb: number; readonly evaluationTimeoutMs: number };
  readonly host: HostFunctions;
  readonly egress: EgressPolicy;
  onLog(entry: LogEntry): void;
}

/** CIDRs that the space may reach although they are private; nothing else private is reachable. */
export interface EgressPolicy {
  readonly allowedCidrs: readonly string[];
  readonly deniedPorts: readonly number[];
}

export interface ProcessExit {
  readonly reason: 'stopped' | 'crashed' | 'out-of-memory' | 'unresponsive' | 'protocol-violation';
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last of what it wrote to stderr, for the message. */
  readonly stderr: string;
}

export interface AppProcess {
  readonly manifest: AppManifest;
  readonly exited: Promise<ProcessExit>;
  /** Number of invocations under way. */
  readonly active: number;
  /** Resolves with the head as soon as it is known; rejects with `app_timeout`, `app_crashed`, `app_unresponsive`. */
  request(request: AppRequest, options: InvokeOptions): Promise<AppResponse>;
  run(task: AppTask, options: InvokeOptions): Promise<AppTaskResult>;
  /** Replaces the variables that app code sees as process.env. */
  setEnv(env: Readonly<Record<string, string>>): void;
  /** Lets what is under way finish for at most `graceMs`, then ends the process. */
  stop(graceMs: number): Promise<ProcessExit>;
  residentBytes(): Promise<number>;
}

export interface Sandbox extends AsyncDisposable {
  /**
   * Starts a process (or takes a warm spare) and evaluates the code in it. Rejects with `deploy_failed` when evaluation
   * throws or does not end in time; the message carries the app's own message and stack.
   */
  start(options: AppProcessOptions): Promise<AppProcess>;
  /** Which layers of isolation are active on this machine, for `tackle doctor`. */
  describe(): Promise<readonly { readonly layer: string; readonly active: boolean; readonly detail: string }[]>;
}
