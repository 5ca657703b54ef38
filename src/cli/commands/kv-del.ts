import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('<key>', 'key')
    .option('--keyspace <name>', 'keyspace')
    .action(async (key: string, options: SpaceOptions & { readonly keyspace?: string }) => {
      const { api, path } = await connectToSpace(options, cli);
      const query = { keyspace: options.keyspace };
      await api.send({ method: 'DELETE', path: `${path}${apiPath`/kv/${key}`}`, query });
      cli.output.json({ key });
    });
}
