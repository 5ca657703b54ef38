import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { findNearestEventKey, isFamilyKey, isKnownEventKey, knownHookEvents } from '../../core/hook-event.ts';
import { isPlainObject } from '../../core/json.ts';
import type { EmitResult, HookEngine } from '../../hooks/engine-types.ts';
import type { RunRecord } from '../../hooks/journal/journal.ts';
import type { HookListItem } from '../../hooks/reports.ts';
import { getHome, type HooksCliContext, printJson, readCatalog, runVerb } from './hooks-context.ts';

interface FireOptions {
  readonly context?: string;
  readonly sessionKey?: string;
  readonly hook?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addFireCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('fire')
    .description('fire an event by hand and show what every hook did')
    .argument('<event>', 'for example command:new')
    .option('--context <file>', 'JSON file whose members replace those of the fixture')
    .option('--session-key <key>')
    .option('--hook <name>', 'only this hook')
    .option('--dry-run', 'only tell who would hear it')
    .option('--json', 'print JSON')
    .action((key: string, options: FireOptions, command: Command) =>
      runVerb(context, () =>
        options.dryRun ? previewFire(key, options, command, context) : fire(key, options, command, context),
      ),
    );
}

async function previewFire(
  key: string,
  options: FireOptions,
  command: Command,
  context: HooksCliContext,
): Promise<void> {
  const catalog = await readCatalog(command, context);
  const family = key.split(':')[0] ?? '';
  const hears = catalog.hooks.filter(
    (item) =>
      item.loadable &&
      item.hook.events.some((event) => event === key || event === family) &&
      (options.hook === undefined || item.hook.name === options.hook),
  );
  const names = hears.map((item) => item.hook.name);
  if (options.json) printJson(context, { event: key, hooks: names });
  else if (names.length === 0) context.write(`No hook hears ${key}.`);
  else for (const name of names) context.write(`Would run ${name}`);
}

async function readContext(file: string | undefined, cwd: string): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  const text = await readFile(path.resolve(cwd, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new TackleError('invalid_request', `${file} cannot be read (${error.code}).`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TackleError('invalid_request', `${file} is not JSON: ${(error as Error).message}`);
  }
  if (!isPlainObject(value)) throw new TackleError('invalid_request', `${file} must hold a JSON object.`);
  return value;
}

async function fire(key: string, options: FireOptions, command: Command, context: HooksCliContext): Promise<void> {
  const eventContext = await readContext(options.context, context.cwd);
  const { createHookEngine } = await import('../../hooks/index.ts');
  const engine = createHookEngine({ env: context.env, homeDir: getHome(command, context), recover: false });
  try {
    await engine.start();
    const named = options.hook === undefined ? undefined : engine.info(options.hook);
    if (named === null) throw new TackleError('not_found', `Hook "${options.hook}" not found`);
    const result = await engine.fire(key, {
      context: eventContext,
      sessionKey: options.sessionKey,
      hook: named?.name,
    });
    if (options.json)
      printJson(context, { event: key, eventId: result.eventId, messages: result.messages, runs: result.runs });
    else {
      for (const run of result.runs) printRun(run, context);
      printSilent(key, named?.name, result, engine, context);
    }
    const hasBroken = listHearers(engine, key, named?.name).some((hook) => hook.loadError !== undefined);
    if (hasBroken) context.setExitCode(1);
    if (result.runs.some((run) => run.outcome !== 'ok' && run.outcome !== 'skipped')) context.setExitCode(1);
  } finally {
    await engine.stop({ deadlineMs: 1_000 });
  }
}

function listHearers(engine: HookEngine, key: string, name: string | undefined): readonly HookListItem[] {
  const family = key.split(':')[0] ?? '';
  return engine
    .list()
    .hooks.filter((hook) => hook.events.some((event) => event === key || event === family))
    .filter((hook) => name === undefined || hook.name === name);
}

/** Hooks that list the event and did not run, with the reason; otherwise silence looks like success. */
function printSilent(
  key: string,
  name: string | undefined,
  result: EmitResult,
  engine: HookEngine,
  context: HooksCliContext,
): void {
  const hearers = listHearers(engine, key, name);
  for (const hook of hearers) {
    if (hook.loadError !== undefined) context.write(`✗ ${hook.name} could not be loaded: ${hook.loadError}`);
  }
  if (result.runs.length > 0) return;
  if (name !== undefined && hearers.length === 0) {
    const events = engine.info(name)?.events ?? [];
    context.write(`${name} does not hear ${key}; it lists ${events.length === 0 ? 'no events' : events.join(', ')}.`);
    return;
  }
  const nearest = isKnownEventKey(key) ? undefined : findNearestEventKey(key);
  context.write(`No hook heard ${key}.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`);
  for (const hook of hearers) {
    const reason = engine.info(hook.name)?.blockedReason;
    if (reason !== undefined) context.write(`⏸ ${hook.name} would: ${reason}`);
  }
}

export function printRun(run: RunRecord, context: HooksCliContext): void {
  const mark = run.outcome === 'ok' ? '✓' : run.outcome === 'skipped' ? '⏸' : '✗';
  context.write(`${mark} ${run.hook} [${run.key}] ${run.outcome} in ${run.durationMs.toFixed(1)} ms`);
  if (run.reason !== undefined) context.write(`    ${run.reason}`);
  if (run.error !== undefined) context.write(`    ${run.error.name}: ${run.error.message}`);
  for (const line of run.logs.split('\n').filter((text) => text.trim() !== '')) context.write(`    | ${line}`);
  for (const message of run.messages) {
    context.write(
      `    message (${message.fate}${message.reason === undefined ? '' : `: ${message.reason}`}): ${message.text}`,
    );
  }
}

export function addTestCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('test')
    .description('load a hook alone, in a home of its own, and fire every event that it lists')
    .argument('<directory>')
    .option('--json', 'print JSON')
    .action((dir: string, options: { json?: boolean }) =>
      runVerb(context, () => testHook(path.resolve(context.cwd, dir), options, context)),
    );
}

interface TestReport {
  readonly loaded: number;
  readonly failures: readonly string[];
  readonly lints: readonly string[];
  readonly runs: readonly RunRecord[];
}

async function testHook(dir: string, options: { json?: boolean }, context: HooksCliContext): Promise<void> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'tackle-hook-test-'));
  try {
    const report = await runHookTest(dir, home, context);
    if (report.failures.length > 0) context.setExitCode(1);
    if (options.json) {
      printJson(context, report);
      return;
    }
    for (const run of report.runs) printRun(run, context);
    for (const lint of report.lints) context.write(`  note: ${lint}`);
    for (const failure of report.failures) context.write(`✗ ${failure}`);
    if (report.failures.length === 0) context.write(`✓ ${report.loaded} hook${report.loaded === 1 ? '' : 's'} passed`);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function runHookTest(dir: string, home: string, context: HooksCliContext): Promise<TestReport> {
  const [{ createHookEngine }, { lintHook }, { discoverHooks }] = await Promise.all([
    import('../../hooks/index.ts'),
    import('../../hooks/lint.ts'),
    import('../../hooks/discovery/discover-hooks.ts'),
  ]);
  const found = await discoverHooks([{ dir, kind: 'extra' }], { trustedSymlinkRoots: [], lenientMetadata: false });
  const failures = found.problems.map((problem) => problem.message);
  if (found.hooks.length === 0 && failures.length === 0) failures.push(`No hook found in ${dir}.`);
  const lints: string[] = [];
  for (const hook of found.hooks) {
    if (hook.invalid !== undefined) failures.push(`${hook.name}: ${hook.invalid}`);
    for (const lint of await lintHook(hook)) lints.push(`${hook.name}: ${lint.message}`);
  }
  const entries = Object.fromEntries(found.hooks.map((hook) => [hook.hookKey, { enabled: true }]));
  const config = { hooks: { internal: { enabled: true, entries, load: { extraDirs: [dir] } } } };
  await writeFile(path.join(home, 'openclaw.json'), JSON.stringify(config));
  // The bundled hooks stay out: only the one under test may answer.
  const engine = createHookEngine({
    env: { ...context.env, HOME: home },
    homeDir: home,
    recover: false,
    bundledHooksDir: path.join(home, 'none'),
  });
  const runs: RunRecord[] = [];
  try {
    const started = await engine.start();
    for (const { name, message } of started.failed) failures.push(`${name}: ${message}`);
    for (const key of listKeysToFire(found.hooks.flatMap((hook) => hook.events)))
      runs.push(...(await engine.fire(key)).runs);
    await engine.settle();
    for (const run of runs)
      if (run.outcome !== 'ok' && run.outcome !== 'skipped')
        failures.push(`${run.hook} [${run.key}] ${run.outcome}: ${run.error?.message ?? ''}`);
    return { loaded: started.loaded, failures, lints, runs };
  } finally {
    await engine.stop({ deadlineMs: 1_000 });
  }
}

/** A family stands for all of its events. */
function listKeysToFire(events: readonly string[]): readonly string[] {
  const keys = events.flatMap((key) =>
    isFamilyKey(key)
      ? knownHookEvents.filter((event) => event.key.startsWith(`${key}:`)).map((event) => event.key)
      : [key],
  );
  return [...new Set(keys)];
}
