import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { TopicSettings } from '../../core/task-topic.ts';
import { type ApiClient, apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import { formatCount } from '../output.ts';
import type { TopicStatus } from './queue-status.ts';

interface Changed {
  readonly topic: string;
  readonly settings: TopicSettings;
}

export function configure(command: Command, cli: Cli): void {
  for (const verb of ['pause', 'resume'] as const) {
    const description = verb === 'pause' ? 'start no more tasks of a topic' : 'go on with a paused topic';
    addSpaceOptions(command.command(verb).description(description))
      .argument('<topic>', 'topic')
      .action(async (topic: string, options: SpaceOptions) => {
        const { api, path } = await connectToSpace(options, cli);
        await noteUnknown(cli, api, path, topic);
        const changed = await api.send<Changed>({
          method: 'POST',
          path: `${path}${apiPath`/topics/${topic}`}/${verb}`,
        });
        if (options.json) return cli.output.json(changed);
        cli.output.line(verb === 'pause' ? `Paused ${topic}; what runs, runs on.` : `Resumed ${topic}.`);
      });
  }
  configureSet(command, cli);
  configureMany(command, cli, 'redrive', 'give the dead tasks of a topic another chance');
  configureMany(command, cli, 'purge', 'drop every task of a topic that is not running');
}

function configureSet(command: Command, cli: Cli): void {
  addSpaceOptions(command.command('set').description('change how a topic is worked on, now and after every deployment'))
    .argument('<topic>', 'topic')
    .argument(
      '<setting=value...>',
      'for example workers=5 timeoutMs=60000 retry=\'{"maxRetries":5}\'; null takes one back',
    )
    .action(async (topic: string, pairs: readonly string[], options: SpaceOptions) => {
      const body = Object.fromEntries(pairs.map(parsePair));
      const { api, path } = await connectToSpace(options, cli);
      await noteUnknown(cli, api, path, topic);
      const changed = await api.send<Changed>({ method: 'PUT', path: `${path}${apiPath`/topics/${topic}`}`, body });
      cli.output.json(changed);
    });
}

function parsePair(pair: string): [string, unknown] {
  const separator = pair.indexOf('=');
  const text = pair.slice(separator + 1);
  try {
    if (separator > 0) return [pair.slice(0, separator), JSON.parse(text) as unknown];
  } catch {
    // Said below.
  }
  throw new TackleError('invalid_request', `"${pair}" is no setting; write one like workers=5.`);
}

function configureMany(command: Command, cli: Cli, verb: 'redrive' | 'purge', description: string): void {
  addSpaceOptions(command.command(verb).description(description))
    .argument('<topic>', 'topic')
    .action(async (topic: string, options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const expected = await countExpected(api, path, topic, verb);
      let total = 0;
      for (let isDone = false; !isDone; ) {
        const step = await api.send<{ count: number; done: boolean }>({
          method: 'POST',
          path: `${path}${apiPath`/topics/${topic}`}/${verb}`,
          body: {},
        });
        total += step.count;
        // What dies again meanwhile, or comes in, is not part of it: it could go on for ever.
        isDone = step.done || total >= expected;
        cli.output.progress(formatBar(total, expected));
      }
      cli.output.progress('');
      if (options.json) return cli.output.json({ topic, count: total });
      cli.output.line(`${verb === 'redrive' ? 'Redriven' : 'Dropped'} ${formatCount(total, 'task')} of ${topic}.`);
    });
}

/** Settings may come before the topic; more often its name was mistyped. */
async function noteUnknown(cli: Cli, api: ApiClient, path: string, topic: string): Promise<void> {
  const { topics } = await api.get<{ topics: readonly TopicStatus[] }>(`${path}/topics`);
  if (topics.some((known) => known.topic === topic)) return;
  cli.output.notice(`There is no topic ${topic} yet; this holds as soon as it gets a worker or a task.`);
}

async function countExpected(api: ApiClient, path: string, topic: string, verb: 'redrive' | 'purge'): Promise<number> {
  const { topics } = await api.get<{ topics: readonly TopicStatus[] }>(`${path}/topics`);
  const counts = topics.find((candidate) => candidate.topic === topic)?.counts;
  if (counts === undefined) throw new TackleError('not_found', `There is no topic ${topic}; see tackle queue-status.`);
  return verb === 'redrive' ? counts.dead : counts.ready + counts.scheduled + counts.blocked + counts.dead;
}

/** `[██████----] 60 % of 1000`: for people who watch. */
export function formatBar(done: number, expected: number): string {
  const share = expected === 0 ? 1 : Math.min(1, done / expected);
  const filled = Math.round(share * 30);
  return `[${'█'.repeat(filled)}${'-'.repeat(30 - filled)}] ${Math.floor(share * 100)} % of ${expected}`;
}
