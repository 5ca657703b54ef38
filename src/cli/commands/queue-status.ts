import type { Command } from 'commander';
import type { TopicSettings } from '../../core/task-topic.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export interface TopicStatus {
  readonly topic: string;
  readonly counts: Readonly<Record<'ready' | 'scheduled' | 'blocked' | 'running' | 'dead', number>>;
  readonly settings: TopicSettings;
  readonly hasHandler: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command).action(async (options: SpaceOptions) => {
    const { api, path } = await connectToSpace(options, cli);
    const { topics } = await api.get<{ topics: readonly TopicStatus[] }>(`${path}/topics`);
    if (options.json) return cli.output.json(topics.map(summarize));
    if (topics.length === 0) cli.output.notice('No topics here yet. A worker or the first task creates one.');
    const rows = topics.map((topic) => [
      topic.topic,
      String(topic.counts.ready + topic.counts.blocked),
      String(topic.counts.scheduled),
      String(topic.counts.running),
      String(topic.counts.dead),
      topic.settings.paused ? 'paused' : String(topic.settings.workers),
      `${topic.settings.timeoutMs} ms`,
      topic.hasHandler ? '' : 'no worker deployed',
    ]);
    cli.output.table(['Topic', 'Pending', 'Later', 'Processing', 'Failed', 'Workers', 'Timeout', ''], rows);
  });
}

/** The words of the original platform beside ours: pending, processing, failed. */
function summarize(topic: TopicStatus): object {
  const { ready, blocked, scheduled, running, dead } = topic.counts;
  return {
    topic: topic.topic,
    pending: ready + blocked + scheduled,
    processing: running,
    failed: dead,
    counts: topic.counts,
    hasWorker: topic.hasHandler,
    settings: topic.settings,
  };
}
