import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

/** What of the status of a space is shown here; `doctor` prints the whole. */
interface SpaceStatus {
  readonly project: string;
  readonly space: string;
  readonly url: string;
  readonly collections: readonly {
    readonly name: string;
    readonly count: number;
    readonly indexes: readonly string[];
    readonly schema: object | null;
    readonly cap: number | null;
  }[];
  readonly deployments: readonly {
    readonly version: number;
    readonly status: string;
    readonly routes: readonly string[];
    readonly queues: readonly string[];
    readonly workers: readonly string[];
    readonly jobs: readonly string[];
  }[];
  readonly usage: { readonly files: number; readonly fileBytes: number };
}

/** How a space is made up: the app that is live, collections with their schemas, files. */
export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command).action(async (options: SpaceOptions) => {
    const { api, path } = await connectToSpace(options, cli);
    const { project, space, url, collections, deployments, usage } = await api.get<SpaceStatus>(`${path}/status`);
    const live = deployments.find(({ status }) => status === 'live');
    const app = live === undefined ? null : pickStructure(live);
    const { output } = cli;
    if (options.json) return output.json({ project, space, url, app, collections, files: usage });
    output.line(`${project}, space ${space}: ${url}`);
    output.line(app === null ? 'No app is live.' : `App, version ${app.version}`);
    for (const kind of ['routes', 'queues', 'workers', 'jobs'] as const) {
      if (app !== null && app[kind].length > 0) output.line(`  ${kind.padEnd(8)}${app[kind].join(', ')}`);
    }
    output.line(`Collections: ${collections.length}`);
    for (const { name, count, indexes, schema, cap } of collections) {
      const notes = [
        ...(indexes.length > 0 ? [`indexes ${indexes.join(', ')}`] : []),
        ...(schema === null ? [] : [`schema ${JSON.stringify(schema)}`]),
        ...(cap === null ? [] : [`keeps the newest ${cap}`]),
      ];
      output.line(`  ${name}  ${count} document${count === 1 ? '' : 's'}${notes.map((note) => `; ${note}`).join('')}`);
    }
    output.line(`Files: ${usage.files} (${usage.fileBytes} B)`);
  });
}

function pickStructure({ version, routes, queues, workers, jobs }: SpaceStatus['deployments'][number]) {
  return { version, routes, queues, workers, jobs };
}
