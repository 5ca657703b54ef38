import type { Command } from 'commander';
import type { CatalogHook, HookCatalog } from '../../hooks/catalog.ts';
import { getHome, type HooksCliContext, printJson, readCatalog, runVerb } from './hooks-context.ts';
import { describeMissing } from './hooks-list.ts';

interface Finding {
  readonly step: 'found' | 'eligible' | 'running' | 'handler';
  readonly ok: boolean;
  readonly message: string;
}

/** Walks the four questions of a hook that does not do its work, in the order in which they depend on each other. */
export function addDoctorCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('doctor')
    .description('find out why hooks do not run')
    .argument('[name]', 'one hook; all of them when left out')
    .option('--json', 'print JSON')
    .action((name: string | undefined, options: { json?: boolean }, command: Command) =>
      runVerb(context, async () => {
        const catalog = await readCatalog(command, context);
        const items = catalog.hooks.filter(
          (item) => name === undefined || item.hook.name === name || item.hook.hookKey === name,
        );
        const loadErrors = await readLoadErrors(command, context);
        const report = items.map((item) => ({ name: item.hook.name, findings: examine(item, loadErrors) }));
        const found = checkFound(name, items, catalog);
        if (!found.ok || (name !== undefined && report.some((item) => item.findings.some((finding) => !finding.ok))))
          context.setExitCode(1);
        if (options.json) {
          printJson(context, { found, hooks: report });
          return;
        }
        context.write(`${found.ok ? '✓' : '✗'} found: ${found.message}`);
        for (const problem of [...catalog.problems, ...catalog.lints]) context.write(`  ${problem.message}`);
        for (const item of report) {
          context.write(item.name);
          for (const finding of item.findings)
            context.write(`  ${finding.ok ? '✓' : '✗'} ${finding.step}: ${finding.message}`);
        }
      }),
    );
}

function checkFound(name: string | undefined, items: readonly CatalogHook[], catalog: HookCatalog): Finding {
  const places = [
    catalog.bundledHooksDir,
    catalog.managedHooksDir,
    ...catalog.config.agents.map((agent) => `${agent.workspaceDir}/hooks`),
  ];
  if (items.length > 0)
    return { step: 'found', ok: true, message: `${items.length} hook${items.length === 1 ? '' : 's'}` };
  const subject = name === undefined ? 'no hook' : `"${name}"`;
  return {
    step: 'found',
    ok: false,
    message: `${subject} is in none of ${places.join(', ')}; each hook needs a directory with HOOK.md and a handler`,
  };
}

async function readLoadErrors(command: Command, context: HooksCliContext): Promise<ReadonlyMap<string, string>> {
  const { createHookEngine } = await import('../../hooks/index.ts');
  const engine = createHookEngine({ env: context.env, homeDir: getHome(command, context), recover: false });
  try {
    const report = await engine.start();
    return new Map(report.failed.map((failure) => [failure.name, failure.message]));
  } finally {
    await engine.stop({ deadlineMs: 500 });
  }
}

function examine(item: CatalogHook, loadErrors: ReadonlyMap<string, string>): Finding[] {
  const { hook, eligibility } = item;
  const findings: Finding[] = [
    { step: 'found', ok: hook.invalid === undefined, message: hook.invalid ?? hook.baseDir },
  ];
  if (hook.invalid !== undefined) return findings;
  const missing = describeMissing(eligibility.missing);
  findings.push({
    step: 'eligible',
    ok: eligibility.requirementsSatisfied,
    message: missing === '' ? 'all requirements are met' : `missing ${missing}`,
  });
  if (!eligibility.requirementsSatisfied) return findings;
  const silent = hook.events.length === 0 || item.unknownEvents.length === hook.events.length;
  const reason =
    item.blockedReason ??
    (silent ? `nothing fires its events (${hook.events.join(', ') || 'none listed'})` : undefined);
  findings.push({ step: 'running', ok: reason === undefined, message: reason ?? `hears ${hook.events.join(', ')}` });
  if (!item.loadable) return findings;
  const error = loadErrors.get(hook.name);
  findings.push({ step: 'handler', ok: error === undefined, message: error ?? 'the handler loads' });
  return findings;
}
