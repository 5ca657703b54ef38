import type { Command } from 'commander';
import { type ApiClient, apiPath } from '../api-client.ts';
import type { DeploymentInfo, ProjectInfo, SpaceInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { chooseProject, connect } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import type { Output } from '../output.ts';
import { readProjectFile } from '../project-file.ts';

interface InfoOptions extends SpaceOptions {
  readonly examples?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[project]', 'project; else --project, ./config.json or the only one')
    .argument('[space]', 'only this space')
    .option('-e, --examples', 'also print curl commands')
    .action(async (projectName: string | undefined, spaceName: string | undefined, options: InfoOptions) => {
      const api = connect(options, cli);
      const name = projectName ?? (await chooseProject(api, options, cli));
      const project = await api.get<ProjectInfo>(apiPath`/projects/${name}`);
      const wanted = spaceName ?? options.space;
      const spaces = project.spaces.filter((space) => wanted === undefined || space.name === wanted);
      if (wanted !== undefined && spaces.length === 0) await api.get(apiPath`/projects/${name}/spaces/${wanted}`);
      if (options.json) return cli.output.json({ ...project, spaces });
      printProject(cli.output, { ...project, spaces });
      if (!options.examples) return;
      const chosen = spaces.find((space) => space.name === readProjectFile(cli.currentDirectory).space) ?? spaces[0];
      if (chosen !== undefined) printExamples(cli.output, chosen, await findLiveRoutes(api, chosen));
    });
}

/** `GET /notes`, …; null when no app is live. */
async function findLiveRoutes(api: ApiClient, { project, name }: SpaceInfo): Promise<readonly string[] | null> {
  const path = `${apiPath`/projects/${project}/spaces/${name}`}/deployments`;
  const { deployments } = await api.get<{ deployments: readonly DeploymentInfo[] }>(path);
  return deployments.find(({ status }) => status === 'live')?.routes ?? null;
}

function printProject(output: Output, project: ProjectInfo): void {
  output.line(`Project ${output.style('bold', project.id)}${project.description ? `  ${project.description}` : ''}`);
  for (const space of project.spaces) {
    output.line();
    output.line(`Space ${output.style('bold', space.name)}`);
    const { spaceBound, project: projectUrl, path, domains } = space.urls;
    const tokens = space.tokens.map(formatToken);
    const env = space.env.map(({ key, value, encrypted }) => `${key}=${encrypted ? '********' : value}`);
    const rows: readonly (readonly [string, readonly string[]])[] = [
      ['URLs', [path, projectUrl, spaceBound, ...domains]],
      ['Tokens', tokens],
      ['Allowed hosts', space.allowedHosts],
      ['JWKS', space.jwks === null ? [] : [space.jwks]],
      ['Env', env],
    ];
    for (const [label, values] of rows) {
      for (const [index, value] of values.entries()) output.line(`  ${(index === 0 ? label : '').padEnd(14)}${value}`);
    }
  }
}

function formatToken({ key, access, description, expiresAt }: SpaceInfo['tokens'][number]): string {
  const expires = expiresAt === null ? '' : `, expires ${new Date(expiresAt).toISOString().slice(0, 10)}`;
  return `${key} (${access === 'READ' ? 'R' : 'RW'}${expires})${description ? `  ${description}` : ''}`;
}

/** Calls that the app answers; without an app, those of one with `app.crudlify()`. */
function printExamples(output: Output, space: SpaceInfo, routes: readonly string[] | null): void {
  const token = space.tokens.find(({ access }) => access === 'READWRITE')?.key ?? '<token>';
  const head = `  -H 'x-apikey: ${token}'`;
  if (routes === null) output.notice('No app is live here yet; these are calls for one with app.crudlify().');
  const read = findExamplePath(routes, 'GET');
  const write = findExamplePath(routes, 'POST');
  if (read !== null) output.line(`\ncurl ${space.urls.path}${read} \\\n${head}`);
  if (write === null) return;
  output.line(`\ncurl -X POST ${space.urls.path}${write} \\\n${head} \\
  -H 'content-type: application/json' \\\n  -d '{"name": "Jane", "active": true}'`);
}

/** The first route that can be called as it stands, or any collection where the app answers for all of them. */
function findExamplePath(routes: readonly string[] | null, method: string): string | null {
  const paths = (routes ?? [`${method} /:collection`])
    .filter((route) => route.startsWith(`${method} /`))
    .map((route) => route.slice(method.length + 1));
  const plain = paths.find((path) => !/[:*]/.test(path));
  return plain ?? (paths.some((path) => /^\/:\w+$/.test(path)) ? '/users' : null);
}
