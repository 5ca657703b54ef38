import type { Command } from 'commander';
import type { HookInfoReport } from '../../hooks/reports.ts';
import {
  checkAgent,
  type HooksCliContext,
  printJson,
  readCatalog,
  readKnownLoadErrors,
  runVerb,
  shortenHome,
} from './hooks-context.ts';

export function addInfoCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('info')
    .description('show one hook')
    .argument('<name>', 'name or configuration key')
    .option('--json', 'print JSON')
    .option('-v, --verbose', 'also the text of HOOK.md')
    .option('--agent <id>', 'accepted for compatibility')
    .action((name: string, options: { json?: boolean; verbose?: boolean; agent?: string }, command: Command) =>
      runVerb(context, async () => {
        const [catalog, { createInfoReport, findCatalogHook }] = await Promise.all([
          readCatalog(command, context),
          import('../../hooks/reports.ts'),
        ]);
        checkAgent(catalog, options.agent);
        const item = findCatalogHook(catalog, name);
        if (item === undefined) {
          context.setExitCode(1);
          if (options.json) printJson(context, { error: 'not found', hook: name });
          else
            context.write(
              `Hook "${name}" not found. Run \`${context.programName} hooks list\` to see available hooks.`,
            );
          return;
        }
        const report = createInfoReport(catalog, item, await readKnownLoadErrors(catalog));
        if (options.json) {
          printJson(context, report);
          return;
        }
        printInfo(report, catalog.config.places.homeDir, context);
        if (item.hook.frontmatterEnabled !== undefined) {
          context.write('HOOK.md says "enabled", which has no effect: the configuration decides.');
        }
        if (options.verbose) {
          context.write('');
          context.write(item.hook.body);
        }
      }),
    );
}

function printInfo(report: HookInfoReport, homeDir: string, context: HooksCliContext): void {
  const { write } = context;
  const status = describeState(report);
  write(`${report.emoji ?? '🔗'} ${report.name} ${status}`);
  write('');
  if (report.description !== '') {
    write(report.description);
    write('');
  }
  write('Details:');
  write(`  Source: ${report.pluginId === undefined ? report.source : `plugin:${report.pluginId}`}`);
  write(`  Path: ${shortenHome(report.filePath, homeDir)}`);
  write(`  Handler: ${shortenHome(report.handlerPath, homeDir)}`);
  if (report.homepage !== undefined) write(`  Homepage: ${report.homepage}`);
  if (report.events.length > 0) write(`  Events: ${report.events.join(', ')}`);
  if (report.loadError !== undefined) write(`  Load error: ${report.loadError}`);
  if (report.blockedReason !== undefined && report.eligible) write(`  Not loaded: ${report.blockedReason}`);
  if (report.managedByPlugin) write('  Managed by plugin; enable or disable the plugin instead.');
  printReach(report, homeDir, context);
  printRequirements(report, context);
  if (report.lints.length > 0) {
    write('');
    write('Notes:');
    for (const lint of report.lints) write(`  ${lint.message}`);
  }
}

function describeState(report: HookInfoReport): string {
  if (report.disabled) return '⏸ Disabled';
  if (!report.eligible) return '✗ Missing requirements';
  if (report.blockedReason?.startsWith('invalid metadata') === true) return '✗ Invalid HOOK.md';
  return report.loadError === undefined ? '✓ Ready' : '✗ Could not be loaded';
}

function printReach(report: HookInfoReport, homeDir: string, { write }: HooksCliContext): void {
  const { isolation, permissions } = report.reach;
  write(`  Runs in: ${isolation === 'sandbox' ? 'sandbox' : `own ${isolation}`}`);
  if (permissions === null) {
    write('  Can reach: everything that the server’s user can');
    return;
  }
  const describe = (values: readonly string[]) =>
    values.length === 0 ? 'nothing' : values.map((value) => shortenHome(value, homeDir)).join(', ');
  write(`  Can read: ${describe([...permissions.read, ...permissions.write])}`);
  write(`  Can write: ${describe(permissions.write)}`);
  write(`  Can connect to: ${describe(permissions.net)}`);
  write(`  Sees variables: ${describe(permissions.env)}`);
}

function printRequirements(report: HookInfoReport, { write }: HooksCliContext): void {
  const { requirements, missing } = report;
  if (Object.values(requirements).every((names) => names.length === 0)) return;
  const mark = (names: readonly string[], lacking: readonly string[]) =>
    names.map((name) => `${lacking.includes(name) ? '✗' : '✓'} ${name}`).join(', ');
  write('');
  write('Requirements:');
  if (requirements.bins.length > 0) write(`  Binaries: ${mark(requirements.bins, missing.bins)}`);
  if (requirements.anyBins.length > 0) {
    write(`  Any binary: ${missing.anyBins.length > 0 ? '✗' : '✓'} (any of: ${requirements.anyBins.join(', ')})`);
  }
  if (requirements.env.length > 0) write(`  Environment: ${mark(requirements.env, missing.env)}`);
  if (requirements.config.length > 0) write(`  Config: ${mark(requirements.config, missing.config)}`);
  if (requirements.os.length > 0) write(`  OS: ${mark(requirements.os, missing.os)}`);
}
