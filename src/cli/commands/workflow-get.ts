import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import { formatTime } from '../output.ts';
import type { InstanceSummary } from './workflow-list.ts';

interface InstanceDetail extends InstanceSummary {
  readonly state: unknown;
  readonly history: readonly {
    readonly number: number;
    readonly step: string;
    readonly branch: string;
    readonly attempt: number;
    readonly startedAtMs: number;
    readonly finishedAtMs: number;
    readonly outcome: string;
    readonly next: string | readonly string[] | null;
    readonly error: { readonly message: string } | null;
  }[];
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('<id>', 'instance')
    .action(async (id: string, options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const instance = await api.get<InstanceDetail>(`${path}${apiPath`/workflow-instances/${id}`}`);
      if (options.json) return cli.output.json(instance);
      const { output } = cli;
      output.line(
        `${instance.id}  ${instance.workflow}  ${instance.status}${instance.step === null ? '' : ` at ${instance.step}`}`,
      );
      if (instance.lastError !== null) output.line(`last error: ${instance.lastError.message}`);
      const rows = instance.history.map((entry) => [
        String(entry.number),
        entry.step,
        entry.branch,
        String(entry.attempt),
        formatTime(entry.startedAtMs),
        `${entry.finishedAtMs - entry.startedAtMs} ms`,
        entry.outcome,
        describeNext(entry.outcome, entry.next),
        entry.error?.message.split('\n')[0]?.slice(0, 80) ?? '',
      ]);
      output.table(['#', 'Step', 'Branch', 'Attempt', 'Started', 'Took', 'Outcome', 'Next', 'Error'], rows);
      output.line(JSON.stringify(instance.state, null, 2));
    });
}

function describeNext(outcome: string, next: string | readonly string[] | null): string {
  if (outcome !== 'goto') return '';
  return next === null ? '(end)' : typeof next === 'string' ? next : next.join(', ');
}
