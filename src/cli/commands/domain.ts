import type { Command } from 'commander';
import { apiPath } from '../api-client.ts';
import type { DomainInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { chooseProject, connect } from '../connection.ts';
import { addGatewayOptions, addSpaceOptions, type GatewayOptions, type SpaceOptions } from '../options.ts';

export function configure(command: Command, cli: Cli): void {
  configureAdd(command, cli);
  addSpaceOptions(command.command('list', { isDefault: true }).alias('ls').description('list the domains')).action(
    async (options: SpaceOptions) => {
      const project = options.project ?? options.projectname;
      const { domains } = await connect(options, cli).get<{ domains: readonly DomainInfo[] }>('/domains', { project });
      if (options.json) return cli.output.json(domains);
      if (domains.length === 0) cli.output.notice("No domains. Add one with 'tackle domain add app.example.com'.");
      const rows = domains.map(({ host, project: owner, space }) => [host, owner, space ?? '(first path segment)']);
      cli.output.table(['Domain', 'Project', 'Space'], rows);
    },
  );
  addGatewayOptions(command.command('remove').alias('rm').description('remove a domain'))
    .argument('<host>', 'host name')
    .action(async (host: string, options: GatewayOptions) => {
      await connect(options, cli).send({ method: 'DELETE', path: apiPath`/domains/${host}` });
      if (options.json) cli.output.json({ removed: host });
      else cli.output.line(`Removed ${host}.`);
    });
}

function configureAdd(command: Command, cli: Cli): void {
  addSpaceOptions(command.command('add').description('serve a project, or one space of it, under a host name'))
    .argument('<host>', 'host name, for example hooks.example.com')
    .action(async (host: string, options: SpaceOptions) => {
      const api = connect(options, cli);
      const project = await chooseProject(api, options, cli);
      const body = { host, project, ...(options.space === undefined ? {} : { space: options.space }) };
      const domain = await api.send<DomainInfo>({ method: 'POST', path: '/domains', body });
      if (options.json) return cli.output.json(domain);
      const target = domain.space === null ? 'its first path segment selects the space' : `space ${domain.space}`;
      cli.output.line(`${domain.host} serves ${domain.project}: ${target}.`);
      cli.output.notice('Point its DNS entry, tunnel or reverse proxy at this gateway (docs/deploy.md).');
    });
}
