import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[url]', 'JWKS URL; an empty text removes it; without it the current one is printed')
    .action(async (url: string | undefined, options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const set = { method: 'PUT', path: `${path}/jwks`, body: { url } } as const;
      const answer = await (url === undefined ? api.get<JwksAnswer>(`${path}/jwks`) : api.send<JwksAnswer>(set));
      if (options.json) cli.output.json(answer);
      else cli.output.line(answer.url ? answer.url : 'No JWKS URL is set.');
    });
}

interface JwksAnswer {
  readonly url: string | null;
}
