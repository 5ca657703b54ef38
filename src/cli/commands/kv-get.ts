import type { Command } from 'commander';
import { type ApiClient, apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

interface GetOptions extends SpaceOptions {
  readonly keyspace?: string;
  readonly key?: string;
  readonly text?: boolean;
}

interface Entry {
  readonly key: string;
  readonly value: unknown;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly next: string | null;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[key]', 'key; a * at its end lists all keys that begin so', '*')
    .argument('[keyspace]', 'keyspace')
    .option('-k, --key <key>', 'the same as the argument')
    .option('--keyspace <name>', 'the same as the argument')
    .option('--text', 'print the value alone, as text')
    .action(async (argument: string, keyspaceArgument: string | undefined, options: GetOptions) => {
      const key = options.key ?? argument;
      const keyspace = keyspaceArgument ?? options.keyspace;
      const { api, path } = await connectToSpace(options, cli);
      if (key.endsWith('*')) return printPrefix(api, cli, { path, keyspace, prefix: key.slice(0, -1) });
      const entry = await api.get<Entry>(`${path}${apiPath`/kv/${key}`}`, { keyspace });
      const { value } = entry;
      if (options.text) cli.output.line(typeof value === 'string' ? value : JSON.stringify(value));
      else cli.output.json(entry);
    });
}

interface Prefix {
  readonly path: string;
  readonly keyspace: string | undefined;
  readonly prefix: string;
}

/** A JSON array of entries, written while they arrive. */
async function printPrefix(api: ApiClient, { output }: Cli, { path, keyspace, prefix }: Prefix): Promise<void> {
  let after: string | undefined;
  let separator = '[';
  do {
    const page: Page = await api.get<Page>(`${path}/kv`, { prefix, keyspace, after, limit: 1000 });
    for (const entry of page.entries) {
      await output.chunk(`${separator}\n  ${JSON.stringify(entry)}`);
      separator = ',';
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  output.line(separator === '[' ? '[]' : '\n]');
}
