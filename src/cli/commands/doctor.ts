import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { resolveHome } from '../../server/config-home.ts';
import type { Cli } from '../cli.ts';
import { connect, connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import { readVersion } from '../version.ts';

/**
 * One JSON object: the machine, the gateway, the space. What cannot be asked is an entry in `problems`, so that a report
 * comes out of a broken installation too; the exit code tells whether there are any.
 */
export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .addHelpText('after', '\nPrints JSON. The exit code is 1 when it found a problem.')
    .action(async (options: SpaceOptions) => {
      const problems: string[] = [];
      const attempt = async <Result>(work: () => Promise<Result>): Promise<Result | null> => {
        try {
          return await work();
        } catch (error) {
          if (!(error instanceof TackleError)) throw error;
          problems.push(error.message);
          return null;
        }
      };
      const gateway = await attempt(() => connect(options, cli).get<GatewayStatus>('/status'));
      for (const check of gateway?.checks ?? []) if (!check.ok) problems.push(`${check.name}: ${check.detail}`);
      const space = gateway === null ? null : await attempt(() => readSpaceStatus(options, cli));
      cli.output.json({ ...space, gateway, machine: describeMachine(options, cli), problems });
      if (problems.length > 0) process.exitCode = 1;
    });
}

interface GatewayStatus {
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

async function readSpaceStatus(options: SpaceOptions, cli: Cli): Promise<object> {
  const { api, path } = await connectToSpace(options, cli);
  return api.get<object>(`${path}/status`);
}

function describeMachine(options: SpaceOptions, cli: Cli): Record<string, unknown> {
  const { home, source } = resolveHome({ homeFlag: options.home, ...cli });
  return {
    tackle: readVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    home,
    homeFrom: source,
    homeExists: existsSync(home),
    configFile: existsSync(join(home, 'tackle.json')) ? join(home, 'tackle.json') : null,
  };
}
