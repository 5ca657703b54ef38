import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type BuiltApp, buildApp } from '../../apps/build/index.ts';
import type { DeploymentInfo, SpaceInfo } from '../api-types.ts';
import { type AssetRef, collectAssets, uploadAssets } from '../assets/deploy-assets.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace, type SpaceConnection } from '../connection.ts';
import { readGitInfo } from '../git-info.ts';
import { addSpaceOptions, addSynonyms, type SpaceOptions } from '../options.ts';
import { formatBytes } from '../output.ts';
import { getProgramName } from '../program-name.ts';
import { rollBack } from './app-rollback.ts';
import { printVersions } from './app-versions.ts';

interface DeployOptions extends SpaceOptions {
  readonly dir: string;
  readonly main?: string;
  readonly history?: boolean;
  readonly rollback?: boolean;
  readonly upload: boolean | string;
  readonly force?: boolean;
}

interface DeployAnswer {
  readonly deployment: DeploymentInfo;
  readonly urls: SpaceInfo['urls'];
  /** Workflow instances at steps that this version does not have. */
  readonly stranded: readonly { readonly workflow: string; readonly step: string; readonly count: number }[];
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .option('--dir <directory>', 'directory of the app', '.')
    .option('-e, --main <file>', 'entry file; else main of package.json, index.js or index.ts')
    .option('--history', 'list the deployed versions instead')
    .option('--rollback', 'put the version before the live one live instead')
    .option('--no-upload', "leave the app's files as they are; only the code is deployed")
    .option('--force', 'park workflow instances that cannot go on with this version, instead of refusing it')
    .action(async (options: DeployOptions) => {
      const dir = resolve(cli.currentDirectory, options.dir);
      // The directory of the app may say in its config.json which project it belongs to.
      const connecting = connectToSpace(options, { ...cli, currentDirectory: dir });
      if (options.rollback) return rollBack(await connecting, cli, options);
      if (options.history) return printHistory(await connecting, cli, options);
      await deploy(connecting, cli, { ...options, dir });
    });
  // Of the original command line; templates belong to `create` here.
  addSynonyms(command, '--upload [boolean]', '--template <name>');
}

async function printHistory({ api, path }: SpaceConnection, cli: Cli, options: DeployOptions): Promise<void> {
  const { deployments } = await api.get<{ deployments: readonly DeploymentInfo[] }>(`${path}/deployments`);
  printVersions(cli.output, deployments, options.json ?? false);
}

async function deploy(connecting: Promise<SpaceConnection>, cli: Cli, options: DeployOptions): Promise<void> {
  const { output } = cli;
  const startedAt = performance.now();
  const building = buildApp({
    dir: options.dir,
    ...(options.main === undefined ? {} : { main: options.main }),
    onProgress: (message) => (output.showsProgress ? output.progress(message) : output.notice(message)),
  });
  // Both at once; a wrong project is reported before a long build is waited for.
  building.catch(() => {});
  const connection = await connecting;
  const app = await building;
  output.progress('');
  for (const warning of app.warnings) output.notice(`warning: ${warning}`);
  const assets = await sendAssets(connection, cli, options, app);
  const meta = describeOrigin(app, options.dir);
  const body = {
    bundle: app.code,
    sourceMap: app.sourceMap,
    kind: 'tackle',
    assets,
    meta,
    force: options.force ?? false,
  };
  const { api, path } = connection;
  const answer = await api.send<DeployAnswer>({ method: 'POST', path: `${path}/deployments`, body });
  if (options.json) return output.json({ ...answer, project: connection.project, space: connection.space });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(2);
  output.line(`Project: ${connection.project}  Space: ${connection.space}`);
  const live = output.style('green', `Version ${answer.deployment.version} is live`);
  output.line(`${live}: ${answer.urls.path} (${formatBytes(Buffer.byteLength(app.code))}, ${seconds} s)`);
  for (const { workflow, step, count } of answer.stranded) {
    const which = `the step "${step}" of "${workflow}", where ${count} ${count === 1 ? 'instance stands' : 'instances stand'}`;
    output.notice(`warning: this version does not have ${which}; parked until a version has it`);
  }
  output.notice(output.styleNotice('dim', `Watch it with: ${getProgramName(cli)} log --follow`));
}

/** Null leaves the files of the version that is live. */
async function sendAssets(
  connection: SpaceConnection,
  { output }: Cli,
  options: DeployOptions,
  app: BuiltApp,
): Promise<readonly AssetRef[] | null> {
  if (options.upload === false || options.upload === 'false') return null;
  const files = await collectAssets(options.dir, app);
  const assets = await uploadAssets(connection, files, (done, total) =>
    output.progress(`Uploading files: ${done} of ${total}`),
  );
  output.progress('');
  return assets;
}

/** Who deployed what from where, for `tackle versions`. */
function describeOrigin(app: BuiltApp, dir: string): Record<string, string> {
  const git = readGitInfo(dir);
  return {
    userfullname: userInfo().username,
    date: new Date().toISOString(),
    language: app.language,
    main: app.main,
    ...(git === null ? {} : { githash: git.hash }),
    ...(git?.branch ? { gitbranch: git.branch } : {}),
  };
}
