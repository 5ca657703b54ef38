import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { computeSelection } from '../core/hook-selection.ts';
import type { HookEventInput } from '../gateway/api/services.ts';
import type { HookConfig } from '../hooks/config/hook-config.ts';
import type { EmitResult, FileLogger, HookEngine } from '../hooks/index.ts';
import type { Config } from './config.ts';

export interface GatewayHooks {
  /** Null while hooks are switched off; then nothing of the engine is in memory. */
  readonly engine: HookEngine | null;
  /** Starts the engine in the background if hooks are switched on, now or by a later change of the configuration. */
  start(): void;
  /** Null while hooks are switched off. */
  publish(event: HookEventInput): Promise<EmitResult | null>;
  /** Tells hooks about the stop, waits for them within a bound, ends their processes. */
  stop(reason: string): Promise<void>;
}

/** Long enough for what else starts with the gateway; hooks of other gateways expect about this much. */
const startupEventDelayMs = 250;
const shutdownEventMs = 5_000;
const stopDeadlineMs = 3_000;
const configSettleMs = 200;
const surroundingsMaxAgeMs = 1_000;

/** The hooks engine as a part of the gateway: `gateway:startup` and `gateway:shutdown`, the log in `<state>/gateway.log`. */
export function createGatewayHooks(config: Config, logger: Logger): GatewayHooks {
  let engine: HookEngine | null = null;
  let fileLog: FileLogger | null = null;
  let watcher: FSWatcher | null = null;
  let starting: Promise<void> | null = null;
  let isStopped = false;
  /** What every producer of events in this gateway knows: the configuration, and the workspace of the default agent. */
  let surroundings: Record<string, unknown> = {};
  let surroundingsReadAt = 0;
  const locations = { homeDir: config.home, stateDir: config.stateDirectory };

  async function startIfActive(): Promise<void> {
    const { loadHookConfig } = await import('../hooks/config/hook-config.ts');
    const loaded = loadHookConfig({ env: process.env, onMissingEnv: 'warn', ...locations });
    if (engine !== null || isStopped) return;
    if (!computeSelection(loaded.config, loaded.profile).active) {
      watchConfiguration(loaded.places.configPath);
      return;
    }
    watcher?.close();
    watcher = null;
    const { createFileLogger, createHookEngine } = await import('../hooks/index.ts');
    fileLog = createFileLogger(join(config.stateDirectory, 'gateway.log'));
    const started = createHookEngine({ ...locations, logger: fileLog, watch: true, recover: true });
    const report = await started.start();
    for (const { name, message } of report.failed) logger.warn({ hook: name }, `a hook did not load: ${message}`);
    logger.info({ loaded: report.loaded, recovered: report.recovered }, 'hooks are loaded');
    engine = started;
    setSurroundings(loaded);
    setTimeout(() => {
      if (isStopped) return;
      const context = { ...surroundings, deps: {} };
      started
        .emit('gateway', 'startup', 'gateway:startup', context)
        .catch((error: unknown) => logger.error({ err: error }, 'gateway:startup could not be stored'));
    }, startupEventDelayMs).unref();
  }

  function setSurroundings(loaded: HookConfig): void {
    surroundings = { cfg: loaded.config, workspaceDir: loaded.agents[0]?.workspaceDir ?? '' };
    surroundingsReadAt = Date.now();
  }

  /** Handlers see today's configuration, not that of the start. */
  async function refreshSurroundings(): Promise<void> {
    if (Date.now() - surroundingsReadAt < surroundingsMaxAgeMs) return;
    const { loadHookConfig } = await import('../hooks/config/hook-config.ts');
    try {
      setSurroundings(loadHookConfig({ env: process.env, onMissingEnv: 'warn', ...locations }));
    } catch {
      // Somebody is editing it: the engine tells what is wrong, and the last good one holds.
      surroundingsReadAt = Date.now();
    }
  }

  function start(): void {
    starting ??= startIfActive()
      .catch((error: unknown) => logger.error({ err: error }, 'the hooks engine did not start'))
      .finally(() => {
        starting = null;
      });
  }

  function watchConfiguration(file: string): void {
    if (watcher !== null) return;
    let timer: NodeJS.Timeout | null = null;
    try {
      watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
        if (name !== basename(file) && name !== 'tackle.json') return;
        if (timer !== null) clearTimeout(timer);
        timer = setTimeout(start, configSettleMs).unref();
      });
      watcher.on('error', () => undefined);
    } catch {
      // No such directory yet: hooks are picked up by the next start of the gateway.
    }
  }

  return {
    get engine() {
      return engine;
    },
    start,
    async publish({ type, action, sessionKey, context, dedupeKey }) {
      await starting;
      if (engine === null) return null;
      await refreshSurroundings();
      return engine.emit(type, action, sessionKey, { ...surroundings, ...context }, { dedupeKey });
    },
    async stop(reason) {
      if (isStopped) return;
      isStopped = true;
      watcher?.close();
      await starting;
      if (engine === null) return;
      const context = { reason, restartExpectedMs: null };
      await engine
        .emit('gateway', 'shutdown', 'gateway:shutdown', context, { deadlineMs: shutdownEventMs })
        .catch((error: unknown) => logger.error({ err: error }, 'gateway:shutdown could not be stored'));
      await engine.stop({ deadlineMs: stopDeadlineMs });
      await fileLog?.flush();
    },
  };
}
