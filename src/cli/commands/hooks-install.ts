import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { HookConfig } from '../../hooks/config/hook-config.ts';
import { confirm, type HooksCliContext, readConfig, runVerb } from './hooks-context.ts';

const reloadHint = 'Restart the gateway to load hooks, or wait for reload.';

function createTools(config: HookConfig, context: HooksCliContext) {
  return { config, onProgress: (line: string) => context.write(line) };
}

export function addInstallCommands(hooks: Command, context: HooksCliContext): void {
  addInstall(hooks, context);
  addUpdate(hooks, context);
  hooks
    .command('uninstall')
    .description('remove an installed or linked pack')
    .argument('<id>')
    .action((id: string, _options: object, command: Command) =>
      runVerb(context, async () => {
        const { uninstallPack } = await import('../../hooks/packs/install-pack.ts');
        const removed = await uninstallPack(id, createTools(await readConfig(command, context), context));
        context.write(`Uninstalled ${removed.id}: ${removed.hooks.join(', ')}`);
      }),
    );
}

function addInstall(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('install')
    .description('install a hook or a pack from a directory, an archive or npm')
    .argument('<path-or-spec>')
    .option('-l, --link', 'use a directory where it is instead of copying it')
    .option('--pin', 'record the exact version that was resolved')
    .action((spec: string, options: { link?: boolean; pin?: boolean }, command: Command) =>
      runVerb(context, async () => {
        const { installPack, linkPack } = await import('../../hooks/packs/install-pack.ts');
        const tools = createTools(await readConfig(command, context), context);
        if (options.link) {
          const linked = await linkPack(spec, tools);
          context.write(`Linked hook path: ${linked.installPath}`);
        } else {
          const installed = await installPack(spec, { pin: options.pin }, tools);
          context.write(`Installed hooks: ${installed.hooks.join(', ')}`);
        }
        context.write(reloadHint);
      }),
    );
}

interface UpdateOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

function addUpdate(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('update')
    .description('update packs that came from npm')
    .argument('[id]')
    .option('--all', 'update every pack')
    .option('--dry-run', 'only tell what would happen')
    .option('-y, --yes', 'accept an artefact that differs from the recorded one')
    .action((id: string | undefined, options: UpdateOptions, command: Command) =>
      runVerb(context, async () => {
        const { listInstallRecords, updatePack } = await import('../../hooks/packs/install-pack.ts');
        const config = await readConfig(command, context);
        const records = listInstallRecords(config);
        if (id === undefined && !options.all)
          throw new TackleError('invalid_request', 'Provide a hook id or use --all.');
        const wanted = id === undefined ? records : records.filter((item) => item.id === id);
        if (wanted.length === 0)
          context.write(id === undefined ? 'No hook packs to update.' : `No install record for "${id}".`);
        for (const item of wanted) {
          try {
            const line = await updatePack(
              item,
              {
                dryRun: options.dryRun,
                warn: (text) => context.writeError(text),
                confirmDrift: async () =>
                  options.yes === true || confirm(context, `Install the different artefact of ${item.id}?`),
              },
              createTools(config, context),
            );
            context.write(line);
          } catch (error) {
            context.write(error instanceof Error ? error.message : String(error));
            context.setExitCode(1);
          }
        }
      }),
    );
}
