import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, parseInteger, type SpaceOptions } from '../options.ts';

interface SetOptions extends SpaceOptions {
  readonly keyspace?: string;
  readonly ttl?: number;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('<key>', 'key')
    .argument('<value>', 'value; it is stored as text')
    .option('--keyspace <name>', 'keyspace')
    .option('--ttl <ms>', 'forget it after this many milliseconds', parseInteger(1))
    .action(async (key: string, value: string, options: SetOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const body = { value, ttlMs: options.ttl, keyspace: options.keyspace };
      cli.output.json(await api.send({ method: 'PUT', path: `${path}${apiPath`/kv/${key}`}`, body }));
    });
}
