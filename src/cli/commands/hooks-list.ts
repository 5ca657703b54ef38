import type { Command } from 'commander';
import type { HookRequirements } from '../../core/hook-metadata.ts';
import type { CatalogHook } from '../../hooks/catalog.ts';
import type { HookListItem, RuntimeFacts } from '../../hooks/reports.ts';
import {
  checkAgent,
  getHome,
  type HooksCliContext,
  printJson,
  readCatalog,
  readKnownLoadErrors,
  runVerb,
} from './hooks-context.ts';
import { renderBoxTable } from './hooks-table.ts';

export interface ListOptions {
  readonly eligible?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly agent?: string;
}

export function addListCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('list')
    .description('list all hooks')
    .option('--eligible', 'only hooks that can run here')
    .option('--json', 'print JSON')
    .option('-v, --verbose', 'also what is missing, and hooks that another one hides')
    .option('--agent <id>', 'as one agent sees them')
    .action((options: ListOptions, command: Command) => runList(options, command, context));
}

export function runList(options: ListOptions, command: Command, context: HooksCliContext): Promise<void> {
  return runVerb(context, async () => {
    const [catalog, { createListReport, listVisibleHooks }] = await Promise.all([
      readCatalog(command, context),
      import('../../hooks/reports.ts'),
    ]);
    checkAgent(catalog, options.agent);
    const loadErrors = await readKnownLoadErrors(catalog);
    const history = await readHistory(command, context, options);
    const report = createListReport(catalog, {
      eligibleOnly: options.eligible,
      includeShadowed: options.verbose,
      agentId: options.agent,
      ...history,
      loadErrors,
    });
    if (options.json) printJson(context, report);
    else {
      const visible = listVisibleHooks(catalog, { agentId: options.agent });
      const invalid = new Set(visible.filter(({ hook }) => hook.invalid !== undefined).map(({ hook }) => hook.name));
      printList(report.hooks, invalid, options, context);
      printNotLoaded(visible, context);
    }
  });
}

/** When each hook last ran is one more file to open, so only those who ask for more pay for it. */
async function readHistory(
  command: Command,
  context: HooksCliContext,
  options: ListOptions,
): Promise<RuntimeFacts | undefined> {
  if (!options.verbose) return undefined;
  const [{ withJournal }, { readLastSkipped }] = await Promise.all([
    import('./hooks-journal.ts'),
    import('../../hooks/journal/last-skipped.ts'),
  ]);
  const found = await withJournal(getHome(command, context), context, async (journal) => ({
    lastFired: await journal.readLastFired(),
    lastSkipped: await readLastSkipped(journal),
  }));
  // Without a journal nothing has run yet, and the reason why is worth as much.
  return found ?? { lastFired: new Map() };
}

function printList(
  hooks: readonly HookListItem[],
  invalid: ReadonlySet<string>,
  options: ListOptions,
  context: HooksCliContext,
): void {
  if (hooks.length === 0) {
    context.write(
      options.eligible
        ? `No eligible hooks found. Run \`${context.programName} hooks list\` to see all hooks.`
        : 'No hooks found.',
    );
    return;
  }
  const ready = hooks.filter((hook) => describeStatus(hook, invalid) === readyStatus).length;
  context.write(`Hooks (${ready}/${hooks.length} ready)`);
  const head = ['Status', 'Hook', 'Description', 'Source', ...(options.verbose ? ['Missing', 'Last fired'] : [])];
  const rows = hooks.map((hook) => [
    describeStatus(hook, invalid),
    `${hook.emoji ?? '🔗'} ${hook.name}`,
    hook.description,
    hook.pluginId === undefined ? hook.source : `plugin:${hook.pluginId}`,
    ...(options.verbose ? [describeMissing(hook.missing), describeLastFired(hook)] : []),
  ]);
  for (const line of renderBoxTable(head, rows)) context.write(line);
  for (const hook of hooks) {
    if (hook.loadError !== undefined) context.write(`Could not be loaded: ${hook.name} - ${hook.loadError}`);
  }
  if (options.verbose) printNotes(hooks, context);
}

/** Ready says that nothing is missing; what keeps such a hook from loading is told here, or it would look alive. */
function printNotLoaded(hooks: readonly CatalogHook[], context: HooksCliContext): void {
  const byReason = new Map<string, string[]>();
  for (const { hook, eligibility, blockedReason } of hooks) {
    if (!eligibility.eligible || blockedReason === undefined) continue;
    byReason.set(blockedReason, [...(byReason.get(blockedReason) ?? []), hook.name]);
  }
  for (const [reason, names] of byReason) {
    const hint = reason.includes('hooks.internal.enabled')
      ? ` \`${context.programName} hooks enable <name>\` switches them on.`
      : '';
    context.write(`Not loaded: ${names.join(', ')} - ${reason}.${hint}`);
  }
}

function printNotes(hooks: readonly HookListItem[], context: HooksCliContext): void {
  for (const hook of hooks) {
    if (hook.shadowedBy !== undefined)
      context.write(`${hook.name} (${hook.source}) is hidden by ${hook.shadowedBy.baseDir}`);
    if (hook.unknownEvents !== undefined) context.write(`${hook.name}: nothing fires ${hook.unknownEvents.join(', ')}`);
  }
}

function describeLastFired(hook: HookListItem): string {
  if (hook.lastFired === undefined) return '';
  return hook.lastFired === 'never' ? `never: ${hook.lastFiredReason ?? ''}` : hook.lastFired;
}

const readyStatus = '✓ ready';

/** `invalid` names the hooks whose HOOK.md cannot be used. */
function describeStatus(hook: HookListItem, invalid: ReadonlySet<string>): string {
  if (hook.disabled) return '⏸ disabled';
  if (!hook.eligible) return '✗ missing';
  if (hook.shadowedBy !== undefined) return '⏸ hidden';
  if (invalid.has(hook.name)) return '✗ invalid';
  return hook.loadError === undefined ? readyStatus : '✗ broken';
}

/** `bins: a, b; env: X` */
export function describeMissing(missing: HookRequirements): string {
  return (['bins', 'anyBins', 'env', 'config', 'os'] as const)
    .filter((kind) => missing[kind].length > 0)
    .map((kind) => `${kind}: ${missing[kind].join(', ')}`)
    .join('; ');
}

export function addCheckCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('check')
    .description('tell which hooks can run, and why others cannot')
    .option('--json', 'print JSON')
    .option('--agent <id>', 'as one agent sees them')
    .action((options: { json?: boolean; agent?: string }, command: Command) =>
      runVerb(context, async () => {
        const [catalog, { createCheckReport, listVisibleHooks }] = await Promise.all([
          readCatalog(command, context),
          import('../../hooks/reports.ts'),
        ]);
        checkAgent(catalog, options.agent);
        const loadErrors = await readKnownLoadErrors(catalog);
        const report = createCheckReport(catalog, { agentId: options.agent, loadErrors });
        if (options.json) {
          printJson(context, report);
          return;
        }
        context.write('Hooks Status');
        context.write('');
        context.write(`Total hooks: ${report.total}`);
        context.write(`Ready: ${report.eligible}`);
        context.write(`Not ready: ${report.notEligible}`);
        if (report.hooks.notEligible.length > 0) {
          context.write('');
          context.write('Hooks not ready:');
        }
        const byName = new Map(listVisibleHooks(catalog).map((item) => [item.hook.name, item]));
        for (const { name, missing, blockedReason } of report.hooks.notEligible) {
          const item = byName.get(name);
          const reasons = [item?.eligibility.disabled ? 'disabled' : '', describeMissing(missing), blockedReason ?? ''];
          context.write(
            `  ${item?.hook.metadata?.emoji ?? '🔗'} ${name} - ${reasons.filter((reason) => reason !== '').join('; ')}`,
          );
        }
        printFindings(report, context);
        // Unusable ones are in the list above already.
        const usable = listVisibleHooks(catalog, { agentId: options.agent }).filter(
          ({ hook }) => hook.invalid === undefined,
        );
        printNotLoaded(usable, context);
      }),
    );
}

function printFindings(
  report: {
    unknownEvents?: readonly { name: string; event: string; suggestion?: string }[];
    problems?: readonly string[];
  },
  context: HooksCliContext,
): void {
  if (report.unknownEvents !== undefined) {
    context.write('');
    context.write('Unknown events:');
    for (const { name, event, suggestion } of report.unknownEvents) {
      context.write(`  ${name} - ${event}${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`);
    }
  }
  if (report.problems !== undefined) {
    context.write('');
    context.write('Problems:');
    for (const problem of report.problems) context.write(`  ${problem}`);
  }
}
