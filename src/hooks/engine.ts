/** The hooks engine: finds hooks, runs them apart from its own thread, remembers what happened. Needs no gateway. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { TackleError } from '../core/errors.ts';
import { type HookConfig, loadHookConfig } from './config/hook-config.ts';
import { createDispatcher, type Dispatcher } from './dispatch/dispatcher.ts';
import { createRunLogs, type RunLogs } from './dispatch/run-logs.ts';
import { createEmitter } from './emit-event.ts';
import type { HookEngine, HookEngineOptions, ReloadReport, StartReport } from './engine-types.ts';
import { type HookSet, type HookSetOptions, prepareHookSet } from './hook-set.ts';
import { decodeEvent, encodeEvent } from './host/event-codec.ts';
import type { RunnerEvents } from './host/hook-runner.ts';
import { callHostAdapter } from './host-adapter.ts';
import { createInProcessListeners } from './in-process-listeners.ts';
import type { HookJournal } from './journal/journal.ts';
import { readLastSkipped } from './journal/last-skipped.ts';
import { openSqliteJournal } from './journal/sqlite-journal.ts';
import { saveLoadErrors } from './load-errors.ts';
import { silentLogger } from './logging/logger.ts';
import { applyToolResultPersist, notifyCompaction } from './plugins/typed-hooks.ts';
import { recoverEvents } from './recover-events.ts';
import { createRedactor } from './redact.ts';
import { replayRuns } from './replay.ts';
import { createCheckReport, createInfoReport, createListReport, findCatalogHook, type ListOptions } from './reports.ts';
import { type HookWatcher, watchHooks } from './watch-hooks.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const retentionMs = 30 * dayMs;

export function createHookEngine(options: HookEngineOptions = {}): HookEngine {
  const env = options.env ?? process.env;
  const logger = options.logger ?? silentLogger;
  const host = options.host ?? {};
  const now = () => host.now?.() ?? new Date();
  const lastFired = new Map<string, number>();
  const lastSkipped = new Map<string, string>();
  let config: HookConfig | undefined;
  let set: HookSet | undefined;
  let journal: HookJournal | undefined;
  let dispatcher: Dispatcher | undefined;
  let redact = (text: string) => text;
  let watcher: HookWatcher | undefined;
  let reloading: Promise<ReloadReport> | undefined;
  let purgeTimer: NodeJS.Timeout | undefined;
  let idPrefix = 0;
  const bootId = randomBytes(6).toString('hex');

  /** Sorts by time within one process, unique across processes. */
  const createId = () => {
    idPrefix += 1;
    return `${Date.now().toString(36)}-${bootId}-${idPrefix.toString(36)}`;
  };

  const logs: RunLogs = createRunLogs({
    onLate: (runId, text) => journal?.appendRunLog(runId, redact(text)),
    onStray: (text) => logger.info('hooks:output', redact(text)),
  });

  const inProcess = createInProcessListeners(() => set?.registry);
  const { emit, dispatch, fire } = createEmitter({
    getSet,
    getDispatcher: () => dispatcher,
    getJournal: () => journal,
    createId,
    now,
    host,
    logger,
  });

  function getSet(): HookSet {
    if (set === undefined) throw new TackleError('internal', 'The hooks engine has not been started.');
    return set;
  }

  function loadConfig(onMissingEnv: 'error' | 'warn'): HookConfig {
    const { homeDir, stateDir, configPath, profile } = options;
    return loadHookConfig({ env, homeDir, stateDir, configPath, profile, onMissingEnv });
  }

  const createEvents: HookSetOptions['createEvents'] = (hookName, isBundled, collect, collectTyped): RunnerEvents => ({
    onLog: (runId, _stream, text) => logs.add(runId, runId === null ? `${hookName}: ${text.trimEnd()}` : text),
    onStrayError: (runId, error) => {
      logger.error('hooks', `Stray error in hook ${hookName}: ${error.message}`);
      if (runId !== null) logs.add(runId, `[stray error] ${error.stack ?? error.message}\n`);
    },
    onRegister: (message) => collect(message.handlerId, message.keys, message.name, message.description),
    onUnregister: () => undefined,
    onTypedHandler: (name, priority) => collectTyped?.(name, priority),
    callHost: async (method, args) => {
      if (method === 'triggerEvent') return triggerFromHook(args[0]);
      // What the host can do is for hooks that ship with the server; others have their own network and files.
      if (!isBundled) throw new Error('only bundled hooks may call the host');
      return callHostAdapter(host, method, args);
    },
  });

  async function triggerFromHook(bytes: unknown): Promise<Uint8Array | undefined> {
    if (!(bytes instanceof Uint8Array)) return undefined;
    const event = decodeEvent(bytes);
    await dispatch(event, { mode: 'await' });
    return encodeEvent(event);
  }

  function getSetOptions(): HookSetOptions {
    return {
      // Hooks look for their files where the engine does, also when it was told another place.
      env: { ...env, OPENCLAW_STATE_DIR: config?.places.stateDir },
      logger,
      catalog: { bundledHooksDir: options.bundledHooksDir },
      loadTimeoutMs: options.loadTimeoutMs,
      createEvents,
      inProcess: inProcess.all,
    };
  }

  function openJournal(current: HookConfig): HookJournal {
    return openSqliteJournal({
      file: path.join(current.places.tackleHome, 'hooks.db'),
      getConfig: () => config?.config,
      onError: (message) => logger.error('hooks', message),
    });
  }

  /** Every run passes here on its way to the journal, so that "last fired" needs no query. */
  function watchRuns(target: HookJournal): HookJournal {
    return {
      ...target,
      recordRun: (run) => {
        if (run.outcome !== 'skipped') lastFired.set(run.hook, Date.parse(run.startedAt));
        else if (run.reason !== undefined) lastSkipped.set(run.hook, run.reason);
        target.recordRun(run);
      },
    };
  }

  async function start(): Promise<StartReport> {
    config = loadConfig('error');
    redact = createRedactor(config.config);
    journal = watchRuns(options.journal ?? openJournal(config));
    for (const [hook, at] of await journal.readLastFired()) lastFired.set(hook, at);
    for (const [hook, reason] of await readLastSkipped(journal)) lastSkipped.set(hook, reason);
    dispatcher = createDispatcher({
      journal,
      logger,
      logs,
      aliases: () => config?.settings.aliases ?? true,
      createId,
      now: () => now().getTime(),
      redact: (text) => redact(text),
      awaitedTimeoutMs: options.awaitedTimeoutMs ?? 30_000,
      detachedTimeoutMs: options.detachedTimeoutMs ?? 300_000,
      fsync: options.fsync ?? 'detached',
    });
    set = await prepareHookSet(config, getSetOptions());
    await rememberLoadErrors(set);
    logger.info('hooks', `loaded ${set.registeredCount} internal hook handler${set.registeredCount === 1 ? '' : 's'}`);
    const { match } = set.registry;
    const recovered =
      options.recover === false ? 0 : await recoverEvents({ journal, dispatcher, match, createId, now, logger });
    if (options.watch) startWatching();
    startPurging(journal);
    return { loaded: set.registeredCount, failed: listFailures(set), recovered, warnings: config.warnings };
  }

  async function rememberLoadErrors({ config: { places }, loadErrors, signatures }: HookSet): Promise<void> {
    const errors = [...loadErrors].map(
      ([id, message]) => [id, { message, signature: signatures.get(id) ?? '' }] as const,
    );
    // Listings are poorer without it; the hooks that did load must run all the same.
    await saveLoadErrors(places.tackleHome, new Map(errors)).catch((error: Error) =>
      logger.warn('hooks', `What could not be loaded was not noted for listings: ${error.message}`),
    );
  }

  function startPurging(target: HookJournal): void {
    const purge = () => void target.purge(Date.now() - retentionMs).catch(() => undefined);
    if (options.recover !== false) purge();
    purgeTimer = setInterval(purge, dayMs / 24);
    purgeTimer.unref();
  }

  function listFailures(current: HookSet): { name: string; message: string }[] {
    const units = [...current.units.values()].map((unit) => ({
      name: unit.item.hook.name,
      message: unit.loadError?.message,
    }));
    const plugins = current.plugins.map((unit) => ({ name: `plugin ${unit.spec.pluginId}`, message: unit.loadError }));
    return [...units, ...plugins].flatMap(({ name, message }) => (message === undefined ? [] : [{ name, message }]));
  }

  function startWatching(): void {
    watcher = watchHooks({
      listPlaces: () => {
        const current = getSet();
        const roots = current.catalog.hooks.map((item) => item.hook.boundaryDir);
        const workspaces = current.config.agents.map((agent) => path.join(agent.workspaceDir, 'hooks'));
        return {
          files: current.config.files,
          dirs: [current.catalog.managedHooksDir, ...workspaces, ...roots],
        };
      },
      onChange: () => void reload(),
    });
  }

  /** One reload at a time; a call during one waits for it and then starts another. */
  function reload(): Promise<ReloadReport> {
    const previous = reloading;
    const next = (async () => {
      await previous?.catch(() => undefined);
      return reloadNow();
    })();
    reloading = next;
    return next;
  }

  async function reloadNow(): Promise<ReloadReport> {
    const old = getSet();
    try {
      const nextConfig = loadConfig('error');
      const next = await prepareHookSet(nextConfig, getSetOptions(), old);
      config = nextConfig;
      redact = createRedactor(nextConfig.config);
      set = next;
      await rememberLoadErrors(next);
      retire(old, next);
      watcher?.refresh();
      replayStartup(old, next);
      logger.info(
        'hooks',
        `loaded ${next.registeredCount} internal hook handler${next.registeredCount === 1 ? '' : 's'}`,
      );
      return { ok: true, loaded: next.registeredCount, failed: listFailures(next) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      logger.error('hooks', `Reload failed, the hooks from before stay in place: ${message}`);
      return { ok: false, loaded: old.registeredCount, failed: listFailures(old), error: message };
    }
  }

  /** Threads that the new set does not use end when their running calls have ended. */
  function retire(old: HookSet, next: HookSet): void {
    const kept = new Set([...next.units.values()].map((unit) => unit.runner));
    const keptPlugins = new Set(next.plugins.map((unit) => unit.runner));
    for (const unit of old.units.values())
      if (!kept.has(unit.runner)) void unit.runner.stop(options.detachedTimeoutMs ?? 300_000);
    for (const unit of old.plugins) if (!keptPlugins.has(unit.runner)) void unit.runner.stop(0);
  }

  /** Only hooks that ask for it hear `gateway:startup` again after a reload with new code. */
  function replayStartup(old: HookSet, next: HookSet): void {
    for (const unit of next.units.values()) {
      const isNew = old.units.get(unit.item.hook.id)?.runner !== unit.runner;
      if (!isNew || unit.item.entry?.replayStartupOnReload !== true) continue;
      void emit('gateway', 'startup', 'gateway:startup', { cfg: next.config.config }, { hook: unit.item.hook.name });
    }
  }

  function list(listOptions: ListOptions = {}) {
    const current = getSet();
    return createListReport(current.catalog, {
      loadErrors: current.loadErrors,
      lastFired,
      lastSkipped,
      ...listOptions,
    });
  }

  async function stop(stopOptions: { readonly deadlineMs?: number } = {}): Promise<void> {
    const deadlineMs = stopOptions.deadlineMs ?? 5_000;
    watcher?.close();
    clearInterval(purgeTimer);
    dispatcher?.close();
    await reloading?.catch(() => undefined);
    const runners = [...(set?.units.values() ?? []), ...(set?.plugins ?? [])].map((unit) => unit.runner);
    await Promise.all(runners.map((runner) => runner.stop(deadlineMs)));
    await dispatcher?.settle();
    if (options.journal === undefined) await journal?.close();
    else await journal?.flush().catch(() => undefined);
  }

  return {
    start,
    emit,
    dispatch,
    fire,
    on: inProcess.add,
    status: list,
    list,
    info: (nameOrKey) => {
      const item = findCatalogHook(getSet().catalog, nameOrKey);
      return item === undefined ? null : createInfoReport(getSet().catalog, item, getSet().loadErrors);
    },
    check: (checkOptions) => createCheckReport(getSet().catalog, { ...checkOptions, loadErrors: getSet().loadErrors }),
    reload,
    replay: async (filter) => {
      if (journal === undefined || dispatcher === undefined)
        throw new TackleError('internal', 'The hooks engine has not been started.');
      return replayRuns(filter, { journal, dispatcher, match: getSet().registry.match });
    },
    listRuns: async (filter = {}) => (await journal?.listRuns(filter)) ?? [],
    getRegisteredEventKeys: () => getSet().registry.keys(),
    settle: async () => dispatcher?.settle(),
    applyToolResultPersist: (event, ctx) => applyToolResultPersist(getSet().plugins, event, ctx, logger),
    notifyCompaction: (name, event, ctx) => notifyCompaction(getSet().plugins, name, event, ctx, logger),
    stop,
  };
}
