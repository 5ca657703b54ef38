import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { explainFileError } from '../file-failure.ts';
import { addGatewayOptions, type GatewayOptions } from '../options.ts';
import { formatBytes } from '../output.ts';

interface BackupOptions extends GatewayOptions {
  readonly withKey?: boolean;
  readonly force?: boolean;
}

export function configure(command: Command, cli: Cli): void {
  addGatewayOptions(command)
    .argument('<file>', 'archive to write')
    .option('--with-key', 'include the key of the secrets; without it the restored home needs that key')
    .addOption(new Option('--force', 'replace an existing file'))
    .addHelpText('after', '\nThe gateway goes on working meanwhile.')
    .action(async (file: string, options: BackupOptions) => {
      const path = resolve(cli.currentDirectory, file);
      if (existsSync(path) && !options.force) {
        throw new TackleError('conflict', `${path} exists. Choose another name, or replace it with --force.`);
      }
      const body = { withKey: options.withKey ?? false };
      const response = await connect(options, cli).open({ method: 'POST', path: '/backup', body });
      // The name appears when the archive is complete and only its owner can read it: it holds everything.
      const partial = `${path}.partial-${process.pid}`;
      try {
        await pipeline(response, countBytes(cli), createWriteStream(partial, { mode: 0o600, flush: true }));
        await rename(partial, path);
      } catch (error) {
        await rm(partial, { force: true });
        throw explainFileError(error, path, 'write');
      }
      const { size } = await stat(path);
      cli.output.progress('');
      if (options.json) cli.output.json({ file: path, bytes: size, withKey: body.withKey });
      else cli.output.line(`Wrote ${path} (${formatBytes(size)}).`);
    });
}

function countBytes({ output }: Cli): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.byteLength;
      output.progress(formatBytes(bytes));
      done(null, chunk);
    },
  });
}
