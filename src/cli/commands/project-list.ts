import type { Command } from 'commander';
import type { ProjectInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addGatewayOptions, type GatewayOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  addGatewayOptions(command).action(async (options: GatewayOptions) => {
    const { projects } = await connect(options, cli).get<{ projects: readonly ProjectInfo[] }>('/projects');
    if (options.json) return cli.output.json(projects);
    if (projects.length === 0) cli.output.notice("No projects yet. Create one with 'tackle create <name>'.");
    const rows = projects.map(({ id, spaces, url }) => [id, spaces.map(({ name }) => name).join(', '), url]);
    cli.output.table(['Project', 'Spaces', 'URL'], rows);
  });
}
