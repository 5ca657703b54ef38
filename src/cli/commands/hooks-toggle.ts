import type { Command } from 'commander';
import { type HooksCliContext, readCatalog, runVerb } from './hooks-context.ts';

export function addToggleCommands(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('enable')
    .description('let a hook run')
    .argument('<name>')
    .action((name: string, _options: object, command: Command) =>
      runVerb(context, async () => {
        const { enableHook } = await import('../../hooks/toggle.ts');
        const { hook } = await enableHook(await readCatalog(command, context), name);
        context.write(`✓ Enabled hook: ${hook.metadata?.emoji ?? '🔗'} ${hook.name}`);
      }),
    );
  hooks
    .command('disable')
    .description('keep a hook from running')
    .argument('<name>')
    .action((name: string, _options: object, command: Command) =>
      runVerb(context, async () => {
        const { disableHook } = await import('../../hooks/toggle.ts');
        const { hook } = await disableHook(await readCatalog(command, context), name);
        context.write(`⏸ Disabled hook: ${hook.metadata?.emoji ?? '🔗'} ${hook.name}`);
      }),
    );
}
