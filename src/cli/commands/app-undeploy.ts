import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import type { TopicStatus } from './queue-status.ts';
import type { WorkflowReport } from './workflow-status.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command).action(async (options: SpaceOptions) => {
    const { api, path, project, space } = await connectToSpace(options, cli);
    // Asked before: afterwards nobody knows which topics were those of steps.
    const left = await countUnfinished(api, path);
    const request = { method: 'DELETE', path: `${path}/deployments` } as const;
    const { undeployed } = await api.send<{ undeployed: number | null }>(request);
    if (options.json) return cli.output.json({ project, space, undeployed });
    if (undeployed === null) cli.output.line(`No app was live in ${project}, space ${space}.`);
    else {
      cli.output.line(`Took version ${undeployed} offline. 'tackle rollback' puts a version live again.`);
      if (left !== '') cli.output.notice(`Until then ${left} wait.`);
    }
  });
}

/** `3 tasks and 2 workflow instances`; empty when there is nothing. Steps that wait in the queue count as instances. */
async function countUnfinished(api: ApiClient, path: string): Promise<string> {
  const [{ topics }, { workflows }] = await Promise.all([
    api.get<{ topics: readonly TopicStatus[] }>(`${path}/topics`),
    api.get<{ workflows: readonly WorkflowReport[] }>(`${path}/workflows`),
  ]);
  const instances = sum(
    workflows.flatMap(({ counts }) =>
      counts.map(({ status, count }) => (status === 'running' || status === 'waiting' ? count : 0)),
    ),
  );
  const steps = new Set(workflows.flatMap(({ name, steps: names }) => names.map((step) => `_${name}_${step}`)));
  const plain = topics.filter(({ topic }) => ![...steps].some((end) => topic.endsWith(end)));
  const tasks = sum(plain.map(({ counts }) => counts.ready + counts.scheduled + counts.blocked));
  const parts = [
    ...(tasks > 0 ? [`${tasks} ${tasks === 1 ? 'task' : 'tasks'}`] : []),
    ...(instances > 0 ? [`${instances} workflow ${instances === 1 ? 'instance' : 'instances'}`] : []),
  ];
  return parts.join(' and ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
