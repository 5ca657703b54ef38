import { type Command, Option } from 'commander';
import type { SerializedError } from '../../core/errors.ts';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, parseInteger, type SpaceOptions } from '../options.ts';
import { formatTime } from '../output.ts';

interface Task {
  readonly id: string;
  readonly seq: number;
  readonly topic: string;
  readonly state: string;
  readonly key: string | null;
  readonly attempt: number;
  readonly failures: number;
  readonly createdAtMs: number;
  readonly runAtMs: number | null;
  readonly reason: string | null;
  readonly error: SerializedError | null;
  readonly payload: unknown;
}

interface TaskDetail extends Task {
  readonly attempts: readonly {
    readonly attempt: number;
    readonly startedAtMs: number;
    readonly endedAtMs: number;
    readonly outcome: string;
    readonly error: SerializedError | null;
  }[];
}

interface ListOptions extends SpaceOptions {
  readonly topic?: string;
  readonly state?: string;
  readonly blocked?: boolean;
  readonly dead?: boolean;
  readonly job?: string;
  readonly limit: number;
  readonly newest?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  configureList(command, cli);
  configureShow(command, cli);
  for (const verb of ['redrive', 'drop'] as const) {
    const description = verb === 'redrive' ? 'give dead tasks another chance' : 'end tasks without running them';
    addSpaceOptions(command.command(verb).description(description))
      .argument('<id...>', 'tasks')
      .action(async (ids: readonly string[], options: SpaceOptions) => {
        const { api, path } = await connectToSpace(options, cli);
        for (const id of ids) {
          const task = `${path}${apiPath`/tasks/${id}`}`;
          if (verb === 'redrive') await api.send({ method: 'POST', path: `${task}/redrive` });
          else await api.send({ method: 'DELETE', path: task });
          if (!options.json) cli.output.line(`${verb === 'redrive' ? 'Redriven' : 'Dropped'} ${id}.`);
        }
        if (options.json) cli.output.json({ [verb === 'redrive' ? 'redriven' : 'dropped']: ids });
      });
  }
}

function configureList(command: Command, cli: Cli): void {
  addSpaceOptions(command.command('list', { isDefault: true }).alias('ls').description('list tasks'))
    .option('--topic <topic>', 'only of this topic')
    .addOption(
      new Option('--state <state>', 'only in this state').choices([
        'ready',
        'scheduled',
        'blocked',
        'running',
        'done',
        'dead',
        'dropped',
      ]),
    )
    .option('--blocked', 'only those that wait for another task of their key')
    .option('--dead', 'only dead letters')
    .option('--job <id>', 'only those that one enqueueFromQuery made')
    .option('--limit <count>', 'at most so many', parseInteger(1), 100)
    .option('--newest', 'newest first')
    .action(async (options: ListOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const state = options.blocked ? 'blocked' : options.dead ? 'dead' : options.state;
      const { topic, job, limit, newest } = options;
      const query = { topic, job, limit, newest, state };
      const { tasks } = await api.get<{ tasks: readonly Task[] }>(`${path}/tasks`, query);
      if (options.json) return cli.output.json(tasks);
      if (tasks.length === 0) cli.output.notice('No such tasks.');
      const rows = tasks.map((task) => [
        task.id,
        task.topic,
        task.state,
        task.key ?? '',
        String(task.attempt),
        formatTime(task.createdAtMs),
        task.state === 'scheduled' ? `due ${formatTime(task.runAtMs)}` : (task.reason ?? ''),
        task.error?.message.split('\n')[0]?.slice(0, 60) ?? '',
      ]);
      cli.output.table(['Task', 'Topic', 'State', 'Key', 'Attempts', 'Created', '', 'Error'], rows);
    });
}

function configureShow(command: Command, cli: Cli): void {
  addSpaceOptions(command.command('show').alias('get').description('show a task with every failed attempt'))
    .argument('<id>', 'task')
    .action(async (id: string, options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const task = await api.get<TaskDetail>(`${path}${apiPath`/tasks/${id}`}`);
      if (options.json) return cli.output.json(task);
      cli.output.line(`${task.id}  ${task.topic}  ${task.state}${task.reason === null ? '' : ` (${task.reason})`}`);
      cli.output.line(`created ${formatTime(task.createdAtMs)}, attempts ${task.attempt}, failures ${task.failures}`);
      if (task.error !== null) cli.output.line(`last error: ${task.error.message}`);
      const rows = task.attempts.map((attempt) => [
        String(attempt.attempt),
        formatTime(attempt.startedAtMs),
        `${attempt.endedAtMs - attempt.startedAtMs} ms`,
        attempt.outcome,
        attempt.error?.message.split('\n')[0]?.slice(0, 100) ?? '',
      ]);
      cli.output.table(['Attempt', 'Started', 'Took', 'Outcome', 'Error'], rows);
      cli.output.line(JSON.stringify(task.payload, null, 2));
    });
}
