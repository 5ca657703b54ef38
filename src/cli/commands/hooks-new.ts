import path from 'node:path';
import type { Command } from 'commander';
import { type HooksCliContext, printJson, readConfig, runVerb } from './hooks-context.ts';

interface NewOptions {
  readonly events: string;
  readonly description?: string;
  readonly dir?: string;
}

export function addNewCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('new')
    .description('write a new hook: HOOK.md, handler and test')
    .argument('<name>')
    .option('--events <keys>', 'events that it hears, separated by commas', 'command:new')
    .option('--description <text>')
    .option('--dir <directory>', "where to make it; the default agent's workspace hooks when left out")
    .action((name: string, options: NewOptions, command: Command) =>
      runVerb(context, async () => {
        const [{ createHookScaffold }, { normalizeList }] = await Promise.all([
          import('../../hooks/scaffold.ts'),
          import('../../core/hook-metadata.ts'),
        ]);
        const config = await readConfig(command, context);
        const parentDir =
          options.dir === undefined
            ? path.join(config.agents[0]?.workspaceDir ?? context.cwd, 'hooks')
            : path.resolve(context.cwd, options.dir);
        const dir = await createHookScaffold({
          name,
          parentDir,
          events: normalizeList(options.events),
          description: options.description,
        });
        context.write(`Created ${dir}`);
        context.write(`Try it: ${context.programName} hooks test ${dir}`);
      }),
    );
}

export function addMigrateCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('migrate')
    .description('turn hooks.internal.handlers into hook directories')
    .option('--dry-run', 'only tell what would happen')
    .option('--json', 'print JSON')
    .action((options: { dryRun?: boolean; json?: boolean }, command: Command) =>
      runVerb(context, async () => {
        const { migrateLegacyHandlers } = await import('../../hooks/migrate.ts');
        const report = await migrateLegacyHandlers(await readConfig(command, context), options);
        if (report.failed.length > 0) context.setExitCode(1);
        if (options.json) {
          printJson(context, report);
          return;
        }
        if (report.migrated.length + report.failed.length === 0) context.write('Nothing to migrate.');
        for (const hook of report.migrated)
          context.write(`${options.dryRun ? 'Would migrate' : 'Migrated'} ${hook.module} to ${hook.dir}`);
        for (const { module, reason } of report.failed) context.writeError(`Failed to migrate ${module}: ${reason}`);
      }),
    );
}
