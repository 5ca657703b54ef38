import type { Command } from 'commander';
import type { WaitRequest } from '../../core/workflow.ts';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import { formatDuration, formatTime } from '../output.ts';
import type { InstanceSummary } from './workflow-list.ts';

interface InstanceDetail extends InstanceSummary {
  readonly state: unknown;
  readonly parent: string | null;
  readonly children: readonly string[];
  readonly branches: Readonly<Record<string, { readonly step: string; readonly waitingFor: WaitRequest | null }>>;
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
      if (instance.version !== null) output.line(`pinned to version ${instance.version}`);
      if (instance.parent !== null) output.line(`child of ${instance.parent}`);
      for (const { step, waitingFor } of Object.values(instance.branches)) {
        if (waitingFor !== null) output.line(`${step} waits for ${describeWait(waitingFor)}`);
      }
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

function describeWait(request: WaitRequest): string {
  if (request.type === 'child') return `its child ${request.childId}`;
  if (request.type === 'sleep') return `the time ${formatTime(request.untilMs)}`;
  const key = request.key === null ? '' : ` with the key "${request.key}"`;
  const limit = request.timeoutMs === null ? '' : `, at most ${formatDuration(request.timeoutMs)}`;
  return `the event "${request.event}"${key}${limit}`;
}

function describeNext(outcome: string, next: string | readonly string[] | null): string {
  if (outcome !== 'goto') return '';
  return next === null ? '(end)' : typeof next === 'string' ? next : next.join(', ');
}
