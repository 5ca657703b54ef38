/**
 * Runs the handlers of one hook in its own thread or process: loads it with a limit, gives every call a deadline,
 * ends what does not yield, and starts afresh when it is needed again.
 */
import type { HostChannel, HostChannelEvents, HostLimits, OpenHostChannel } from './host-channel.ts';
import { describeError, type EventChanges, type FromHost, type ToHost, type WireError } from './protocol.ts';

export type InvokeOutcome = 'ok' | 'error' | 'timeout' | 'crashed';

export interface InvokeResult {
  readonly outcome: InvokeOutcome;
  readonly error?: WireError;
  readonly changes?: EventChanges;
}

export interface LoadResult {
  readonly ok: boolean;
  readonly error?: WireError;
  readonly lints: readonly { readonly code: string; readonly message: string }[];
}

export interface InvokeCall {
  readonly runId: string;
  readonly handlerId: string;
  readonly event: Uint8Array;
  readonly deadlineMs: number;
  readonly entry?: unknown;
  readonly aliases: boolean;
}

/** What happens in the hook's thread besides results. */
export interface RunnerEvents {
  readonly onLog: (runId: string | null, stream: 'stdout' | 'stderr', text: string) => void;
  readonly onStrayError: (runId: string | null, error: WireError) => void;
  readonly onRegister: (message: Extract<FromHost, { kind: 'register' }>) => void;
  readonly onUnregister: (message: Extract<FromHost, { kind: 'unregister' }>) => void;
  readonly onTypedHandler: (name: string, priority: number) => void;
  readonly callHost: (method: string, args: readonly unknown[]) => Promise<unknown>;
}

export interface HookRunner {
  /** Never rejects. */
  readonly load: () => Promise<LoadResult>;
  /** Never rejects. */
  readonly invoke: (call: InvokeCall) => Promise<InvokeResult>;
  /** Calls a plugin's typed hooks; rejects on timeout or crash. */
  readonly callTyped: (name: string, event: unknown, ctx: unknown, deadlineMs: number) => Promise<unknown>;
  /** Waits for running calls at most `deadlineMs`, then ends the thread. Never rejects, never hangs. */
  readonly stop: (deadlineMs: number) => Promise<void>;
  readonly getInFlight: () => number;
}

export interface RunnerOptions {
  readonly open: OpenHostChannel;
  readonly loadMessage: Extract<ToHost, { kind: 'load-hook' | 'load-plugin' }>;
  readonly limits: HostLimits;
  readonly events: RunnerEvents;
  readonly loadTimeoutMs?: number;
  /** Used after a thread could not be ended because it sits in native code; a process always can. */
  readonly openIsolated?: OpenHostChannel;
  readonly onStuck?: () => void;
}

interface PendingCall {
  readonly call: InvokeCall;
  readonly deadlineAt: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (result: InvokeResult) => void;
  /** A call that was only a bystander of a crash is sent again, once. */
  resent: boolean;
}

/** How long a thread may stay deaf after a missed deadline before it is ended. */
const yieldTimeoutMs = 2_000;
/** How long an ended thread may take to be gone before it counts as stuck. */
const endTimeoutMs = 3_000;
const memoryPollMs = 50;
const idleMemoryPollMs = 1_000;

export function createHookRunner(options: RunnerOptions): HookRunner {
  const { events, limits } = options;
  const pending = new Map<string, PendingCall>();
  const typedCalls = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const children = new Set<number>();
  let channel: HostChannel | undefined;
  let starting: Promise<LoadResult> | undefined;
  let finishLoad: ((result: LoadResult) => void) | undefined;
  let culprit: string | null = null;
  let exitReason: string | undefined;
  const pongWaiters: (() => void)[] = [];
  let isProbing = false;
  let stopped = false;
  let isStuck = false;
  let memoryTimer: NodeJS.Timeout | undefined;
  let memoryWatch = 0;
  let isWatchingClosely = false;
  let nextTypedId = 0;

  function start(): Promise<LoadResult> {
    if (starting !== undefined) return starting;
    starting = new Promise<LoadResult>((resolve) => {
      const timeoutMs = options.loadTimeoutMs ?? 10_000;
      const timer = setTimeout(() => {
        finishLoad?.({
          ok: false,
          error: { name: 'Error', message: `loading took longer than ${timeoutMs} ms` },
          lints: [],
        });
        discard('loading took too long');
      }, timeoutMs);
      finishLoad = (result) => {
        clearTimeout(timer);
        finishLoad = undefined;
        resolve(result);
        if (!result.ok) discard('the hook could not be loaded');
      };
      openChannel();
    });
    return starting;
  }

  function openChannel(): void {
    culprit = null;
    exitReason = undefined;
    let own: HostChannel | undefined;
    const isCurrent = () => own === undefined || own === channel;
    const channelEvents: HostChannelEvents = {
      onMessage: (message) => {
        if (isCurrent()) receive(message);
      },
      onEnd: (reason) => {
        if (isCurrent()) handleEnd(exitReason ?? reason);
      },
    };
    try {
      own = (isStuck ? options.openIsolated : undefined)?.(channelEvents) ?? options.open(channelEvents);
      channel = own;
      own.post(options.loadMessage);
      watchMemory();
    } catch (error) {
      finishLoad?.({ ok: false, error: describeError(error), lints: [] });
    }
  }

  function receive(message: FromHost): void {
    switch (message.kind) {
      case 'result':
        settle(message.runId, {
          outcome: message.error === undefined ? 'ok' : 'error',
          error: message.error,
          changes: message.changes,
        });
        break;
      case 'log':
        events.onLog(message.runId, message.stream, message.text);
        break;
      case 'stray-error':
        receiveStrayError(message);
        break;
      case 'exiting':
        culprit = message.runId;
        exitReason = `the hook called process.exit(${message.code})`;
        break;
      case 'loaded':
        finishLoad?.({ ok: message.ok, error: message.error, lints: message.lints });
        break;
      case 'child':
        if (message.alive) children.add(message.pid);
        else children.delete(message.pid);
        break;
      case 'pong':
        for (const waiter of pongWaiters.splice(0)) waiter();
        break;
      default:
        receiveCall(message);
    }
  }

  function receiveStrayError(message: Extract<FromHost, { kind: 'stray-error' }>): void {
    events.onStrayError(message.runId, message.error);
    if (!message.fatal) return;
    culprit = message.runId;
    exitReason = `uncaught exception: ${message.error.message}`;
  }

  function receiveCall(message: FromHost): void {
    if (message.kind === 'register') events.onRegister(message);
    else if (message.kind === 'unregister') events.onUnregister(message);
    else if (message.kind === 'typed-handler') events.onTypedHandler(message.name, message.priority);
    else if (message.kind === 'typed-result') {
      const call = typedCalls.get(message.callId);
      typedCalls.delete(message.callId);
      if (message.error === undefined) call?.resolve(message.value);
      else call?.reject(new Error(message.error.message));
    } else if (message.kind === 'host-call') answerHostCall(message);
  }

  function answerHostCall(message: Extract<FromHost, { kind: 'host-call' }>): void {
    const asked = channel;
    const reply = (answer: { value?: unknown; error?: WireError }) => {
      if (asked === channel) asked?.post({ kind: 'host-reply', callId: message.callId, ...answer });
    };
    events.callHost(message.method, message.args).then(
      (value) => reply({ value }),
      (error: unknown) => reply({ error: describeError(error) }),
    );
  }

  function settle(runId: string, result: InvokeResult): void {
    const found = pending.get(runId);
    if (found === undefined) return;
    pending.delete(runId);
    clearTimeout(found.timer);
    found.resolve(result);
  }

  /** Ends the thread now; everything that ran in it is answered. */
  function discard(reason: string): void {
    const old = channel;
    channel = undefined;
    if (old !== undefined) noticeStuck(old.kill());
    handleEnd(reason);
  }

  /** JavaScript can be interrupted, a system call or a loop inside the runtime cannot. */
  function noticeStuck(ended: Promise<void>): void {
    const timer = setTimeout(() => {
      isStuck = true;
      options.onStuck?.();
    }, endTimeoutMs);
    timer.unref();
    ended.catch(() => undefined).finally(() => clearTimeout(timer));
  }

  function handleEnd(reason: string): void {
    channel = undefined;
    starting = undefined;
    clearTimeout(memoryTimer);
    killChildren();
    finishLoad?.({ ok: false, error: { name: 'Error', message: reason }, lints: [] });
    for (const call of typedCalls.values()) call.reject(new Error(reason));
    typedCalls.clear();
    const crashed: InvokeResult = { outcome: 'crashed', error: { name: 'HookCrashed', message: reason } };
    for (const [runId, call] of [...pending]) {
      const isBystander = culprit !== null && culprit !== runId && !call.resent && !stopped;
      if (!isBystander) settle(runId, crashed);
      else {
        call.resent = true;
        void send(call.call);
      }
    }
  }

  function killChildren(): void {
    for (const pid of children) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    children.clear();
  }

  /** One chain of looks at the memory; starting another ends the one before, also in the middle of a look. */
  function watchMemory(): void {
    const watched = channel;
    memoryWatch += 1;
    const own = memoryWatch;
    clearTimeout(memoryTimer);
    const isCurrent = () => own === memoryWatch && channel === watched && watched !== undefined;
    const check = async () => {
      if (!isCurrent()) return;
      const bytes = (await watched?.readMemoryBytes()) ?? null;
      if (!isCurrent()) return;
      if (bytes !== null && bytes > limits.memoryBytes) {
        const megabytes = Math.round(limits.memoryBytes / 1024 / 1024);
        discard(`the hook used more than ${megabytes} MB of memory`);
        return;
      }
      schedule();
    };
    const schedule = () => {
      isWatchingClosely = pending.size > 0;
      memoryTimer = setTimeout(() => void check(), isWatchingClosely ? memoryPollMs : idleMemoryPollMs);
      memoryTimer.unref();
    };
    schedule();
  }

  async function send(call: InvokeCall): Promise<void> {
    const loaded = await start();
    if (!pending.has(call.runId)) return;
    if (!loaded.ok || channel === undefined) {
      settle(call.runId, {
        outcome: 'crashed',
        error: loaded.error ?? { name: 'Error', message: 'the hook is not running' },
      });
      return;
    }
    if (!isWatchingClosely) watchMemory();
    channel.post({
      kind: 'invoke',
      runId: call.runId,
      handlerId: call.handlerId,
      event: call.event,
      entry: call.entry,
      aliases: call.aliases,
    });
  }

  /** After a missed deadline: a thread that still answers keeps running, one that does not is ended. */
  function probe(runId: string): void {
    const probed = channel;
    if (probed === undefined || isProbing) return;
    isProbing = true;
    const timer = setTimeout(() => {
      isProbing = false;
      if (channel !== probed) return;
      culprit = runId;
      discard('the hook did not yield after its deadline');
    }, yieldTimeoutMs);
    pongWaiters.push(() => {
      isProbing = false;
      clearTimeout(timer);
    });
    probed.post({ kind: 'ping', n: 0 });
  }

  function invoke(call: InvokeCall): Promise<InvokeResult> {
    if (stopped)
      return Promise.resolve({ outcome: 'crashed', error: { name: 'Error', message: 'the engine is stopping' } });
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const message = `the handler did not finish within ${call.deadlineMs} ms`;
        settle(call.runId, { outcome: 'timeout', error: { name: 'HookTimeout', message } });
        probe(call.runId);
      }, call.deadlineMs);
      pending.set(call.runId, { call, deadlineAt: Date.now() + call.deadlineMs, timer, resolve, resent: false });
      void send(call);
    });
  }

  async function callTyped(name: string, event: unknown, ctx: unknown, deadlineMs: number): Promise<unknown> {
    const loaded = await start();
    if (!loaded.ok || channel === undefined) throw new Error(loaded.error?.message ?? 'the plugin is not running');
    nextTypedId += 1;
    const callId = nextTypedId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        typedCalls.delete(callId);
        reject(new Error(`${name} did not finish within ${deadlineMs} ms`));
        probe('');
      }, deadlineMs);
      typedCalls.set(callId, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      channel?.post({ kind: 'call-typed', callId, name, event, ctx });
    });
  }

  async function stop(deadlineMs: number): Promise<void> {
    const running = [...pending.values()].map(
      (call) =>
        new Promise<void>((resolve) => {
          const done = call.resolve;
          pending.set(call.call.runId, {
            ...call,
            resolve: (result) => {
              done(result);
              resolve();
            },
          });
        }),
    );
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([Promise.all(running), limit]);
    clearTimeout(timer);
    stopped = true;
    const old = channel;
    discard('the engine stopped the hook');
    // A thread inside a blocking system call ends only after it; nobody waits for that.
    await Promise.race([
      old?.kill().catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, 500).unref()),
    ]);
  }

  return { load: start, invoke, callTyped, stop, getInFlight: () => pending.size };
}
