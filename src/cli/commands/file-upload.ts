import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { FileInfo } from '../api-types.ts';
import { collectFiles, type LocalFile } from '../assets/collect-files.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, addSynonyms, type SpaceOptions } from '../options.ts';
import { formatBytes, formatCount } from '../output.ts';

interface UploadOptions extends SpaceOptions {
  readonly src?: string;
  readonly target?: string;
  readonly ext?: string;
  readonly dryrun?: boolean;
  readonly dryRun?: boolean;
}

interface Transfer extends LocalFile {
  readonly target: string;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .argument('[source]', 'file or directory', '.')
    .argument('[target]', 'directory of the space; for one file also its new path', '/')
    .option('-f, --src <path>', 'the same as the first argument')
    .option('-t, --target <path>', 'the same as the second argument')
    .option('-e, --ext <list>', "only files with these extensions: 'png|jpg'")
    .option('--dryrun', 'only say what would be uploaded')
    .action(async (sourceArgument: string, targetArgument: string, options: UploadOptions) => {
      const source = path.resolve(cli.currentDirectory, options.src ?? sourceArgument);
      const transfers = await planTransfers(source, options.target ?? targetArgument, options.ext);
      if (options.dryrun || options.dryRun) return printPlan(cli, transfers, options.json ?? false);
      await upload(cli, transfers, options);
    });
  addSynonyms(command, '--dry-run');
}

async function planTransfers(source: string, target: string, extensions: string | undefined): Promise<Transfer[]> {
  const info = await stat(source).catch(() => null);
  if (info === null) throw new TackleError('not_found', `There is no file or directory ${source}.`);
  if (!info.isDirectory()) {
    const name = path.basename(source);
    // A target with an extension is the new name of the file, any other one a directory to put it in.
    const isNewName = path.posix.extname(target) !== '' && !target.endsWith('/');
    return [{ absolutePath: source, relativePath: name, target: isNewName ? join(target) : join(target, name) }];
  }
  const wanted = extensions === undefined ? null : new Set(extensions.split(/[|,]/).map((item) => toExtension(item)));
  const files = await collectFiles({ directory: source });
  return files
    .filter(({ relativePath }) => wanted === null || wanted.has(path.extname(relativePath).toLowerCase()))
    .map((file) => ({ ...file, target: join(target, file.relativePath) }));
}

async function upload(cli: Cli, transfers: readonly Transfer[], options: UploadOptions): Promise<void> {
  const { output } = cli;
  const { api, path: spacePath } = await connectToSpace(options, cli);
  const uploaded: FileInfo[] = [];
  for (const { absolutePath, target } of transfers) {
    output.progress(`${uploaded.length + 1} of ${transfers.length}: ${target}`);
    const stream = { contentType: 'application/octet-stream', chunks: createReadStream(absolutePath) };
    const request = { method: 'PUT', path: `${spacePath}/files/content`, query: { path: target }, stream } as const;
    const file = await api.send<FileInfo>(request);
    uploaded.push(file);
    if (!options.json) output.line(`${file.path}  ${formatBytes(file.size)}`);
  }
  output.progress('');
  if (options.json) return output.json(uploaded);
  output.notice(`Uploaded ${formatCount(uploaded.length, 'file')}.`);
}

function printPlan({ output }: Cli, transfers: readonly Transfer[], json: boolean): void {
  if (json) {
    output.json(transfers.map(({ absolutePath, target }) => ({ source: absolutePath, target })));
    return;
  }
  for (const { relativePath, target } of transfers) output.line(`${relativePath} -> ${target}`);
  output.notice(`${formatCount(transfers.length, 'file')} would be uploaded.`);
}

function join(...parts: readonly string[]): string {
  return path.posix.join('/', ...parts);
}

function toExtension(text: string): string {
  const trimmed = text.trim().toLowerCase();
  return trimmed.startsWith('.') ? trimmed : `.${trimmed}`;
}
