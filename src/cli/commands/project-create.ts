import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { ApiClient } from '../api-client.ts';
import type { ProjectInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addGatewayOptions, addSynonyms, type GatewayOptions } from '../options.ts';
import { writeProjectFile } from '../project-file.ts';
import { sampleFiles } from '../sample-app.ts';

interface CreateOptions extends GatewayOptions {
  readonly name?: string;
  readonly description?: string;
  readonly here?: boolean;
  readonly empty?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  command
    .argument('[name]', 'name of the project: lower-case letters, digits and hyphens')
    .option('-n, --name <name>', 'the same as the argument')
    .option('--description <text>', 'what it is for')
    .option('--here', 'use this directory instead of a new one')
    .option('-e, --empty', 'write config.json only, no sample app')
    .addHelpText(
      'after',
      '\nCreates the project with its space dev, and a directory with config.json and a sample app.',
    )
    .action(async (argument: string | undefined, options: CreateOptions) => {
      const name = argument ?? options.name;
      if (name === undefined) throw new TackleError('invalid_request', "Which name? For example 'tackle create todo'.");
      const directory = options.here ? cli.currentDirectory : resolve(cli.currentDirectory, name);
      refuseOccupied(directory, options);
      const api = connect(options, cli);
      const body = { name, ...(options.description === undefined ? {} : { description: options.description }) };
      const project = await api.send<ProjectInfo>({ method: 'POST', path: '/projects', body });
      mkdirSync(directory, { recursive: true });
      const files = writeDirectory(directory, project, options.empty ?? false);
      report(cli, { project, directory, files, api }, options.json ?? false);
    });
  addSynonyms(addGatewayOptions(command), '-t, --team <id>', '-g, --ga-deploy');
}

/** Before anything is created on the gateway: a half-done creation would have to be undone by hand. */
function refuseOccupied(directory: string, { here }: CreateOptions): void {
  if (existsSync(join(directory, 'config.json'))) {
    throw new TackleError('conflict', `${directory} belongs to a project already: it has a config.json.`);
  }
  if (!here && existsSync(directory) && readdirSync(directory).length > 0) {
    throw new TackleError('conflict', `${directory} exists and is not empty. Use --here inside it to keep its files.`);
  }
}

/** Existing files are kept. */
function writeDirectory(directory: string, project: ProjectInfo, empty: boolean): string[] {
  writeProjectFile(directory, { name: project.id, space: project.spaces[0]?.name ?? 'dev' });
  const samples = empty ? [] : sampleFiles(project.name).filter(({ name }) => !existsSync(join(directory, name)));
  for (const { name, text } of samples) writeFileSync(join(directory, name), text);
  return ['config.json', ...samples.map(({ name }) => name)];
}

interface Created {
  readonly project: ProjectInfo;
  readonly directory: string;
  readonly files: readonly string[];
  readonly api: ApiClient;
}

function report({ output, currentDirectory }: Cli, { project, directory, files }: Created, json: boolean): void {
  if (json) {
    output.json({ project, directory, files });
    return;
  }
  const path = relative(currentDirectory, directory);
  output.line(`Project ${output.style('bold', project.id)} with space dev: ${project.url}`);
  const token = project.spaces[0]?.tokens[0]?.key;
  if (token !== undefined) output.line(`API token: ${token}`);
  output.line(`Files in ${path === '' ? '.' : path}: ${files.join(', ')}`);
  if (project.shortName === null) {
    const { id, name } = project;
    output.notice(
      `note: an older project is called ${name} too and keeps the address /p/${name}; this one is at /p/${id}`,
    );
  }
  output.notice(`Next: ${path === '' ? '' : `cd ${path} && `}tackle deploy`);
}
