import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, parseInteger, type SpaceOptions } from '../options.ts';
import { formatTime } from '../output.ts';

export interface InstanceSummary {
  readonly id: string;
  readonly workflow: string;
  readonly status: string;
  readonly step: string | null;
  readonly version: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly lastError: { readonly message: string } | null;
}

interface ListOptions extends SpaceOptions {
  readonly status?: string;
  readonly limit: number;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[name]', 'workflow')
    .option('--status <status>', 'only these: running, waiting, completed, cancelled, failed, parked')
    .option('--limit <count>', 'at most so many', parseInteger(1), 100)
    .action(async (workflow: string | undefined, options: ListOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const { status, limit } = options;
      const query = { workflow, status, limit };
      const answer = await api.get<{ instances: readonly InstanceSummary[] }>(`${path}/workflow-instances`, query);
      if (options.json) return cli.output.json(answer.instances);
      if (answer.instances.length === 0) cli.output.notice('No such instances.');
      const rows = answer.instances.map((instance) => [
        instance.id,
        instance.workflow,
        instance.status,
        instance.step ?? '',
        formatTime(instance.createdAtMs),
        formatTime(instance.updatedAtMs),
        instance.lastError?.message.split('\n')[0]?.slice(0, 60) ?? '',
      ]);
      cli.output.table(['Instance', 'Workflow', 'Status', 'Step', 'Started', 'Changed', 'Error'], rows);
    });
}
