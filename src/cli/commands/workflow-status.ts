import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export interface WorkflowReport {
  readonly name: string;
  readonly isDeployed: boolean;
  readonly description: string;
  readonly steps: readonly string[];
  readonly versioning: string | null;
  readonly counts: readonly { readonly status: string; readonly step: string | null; readonly count: number }[];
}

interface StatusOptions extends SpaceOptions {
  readonly follow?: boolean;
}

const refreshMs = 2_000;

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[name]', 'workflow')
    .option('-f, --follow', 'refresh every two seconds')
    .action(async (name: string | undefined, options: StatusOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      for (;;) {
        const { workflows } = await api.get<{ workflows: readonly WorkflowReport[] }>(`${path}/workflows`);
        const wanted = workflows.filter((workflow) => name === undefined || workflow.name === name);
        if (name !== undefined && wanted.length === 0) {
          const known = workflows.map((workflow) => workflow.name).join(', ') || 'none';
          throw new TackleError('not_found', `There is no workflow ${name} here. Workflows: ${known}.`);
        }
        // One line each time, so that a program can read them as they come.
        if (options.json && options.follow) cli.output.line(JSON.stringify(wanted.map(toReport)));
        else if (options.json) cli.output.json(wanted.map(toReport));
        else print(cli, wanted, options.follow === true);
        if (options.follow !== true) return;
        await sleep(refreshMs);
      }
    });
}

function toReport(workflow: WorkflowReport): object {
  const { name, isDeployed, description, steps, versioning, counts } = workflow;
  const totalInstances = counts.reduce((sum, { count }) => sum + count, 0);
  return { name, isDeployed, description, versioning, totalInstances, uniqueSteps: steps.length, steps, counts };
}

function print(cli: Cli, workflows: readonly WorkflowReport[], isFollowing: boolean): void {
  const { output } = cli;
  if (isFollowing) {
    if (output.isTerminal) output.line('\x1b[2J\x1b[H');
    output.line(`Last updated: ${new Date().toISOString()}`);
  }
  if (workflows.length === 0) output.notice('No workflows here. An app adds one with app.createWorkflow(…).');
  for (const { name, description, steps, counts, isDeployed } of workflows) {
    const total = counts.reduce((sum, { count }) => sum + count, 0);
    output.line(`${output.style('bold', name)}${isDeployed ? '' : ' (not deployed)'}  ${description}`);
    output.line(`Total instances: ${total}   Unique steps: ${steps.length}   Steps: ${steps.join(' → ')}`);
    const rows = counts.map(({ step, status, count }) => [
      step ?? '(end)',
      status,
      String(count),
      `${((100 * count) / Math.max(1, total)).toFixed(1)} %`,
    ]);
    output.table(['Current step', 'Status', 'Instances', 'Share'], rows);
    output.line();
  }
}
