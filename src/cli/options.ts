import { type Command, InvalidArgumentError, Option } from 'commander';

/** Options of every command that talks to a gateway. */
export interface GatewayOptions {
  readonly url?: string;
  readonly admintoken?: string;
  readonly home?: string;
  readonly json?: boolean;
}

/** Options of every command that works on a space. */
export interface SpaceOptions extends GatewayOptions {
  readonly project?: string;
  readonly projectname?: string;
  readonly space?: string;
}

export function addGatewayOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as JSON')
    .option('--url <url>', 'gateway to talk to')
    .option('--admintoken <token>', 'admin token for it')
    .option('--home <directory>', 'home of the gateway that runs on this machine');
}

export function addProjectOptions(command: Command): Command {
  return addGatewayOptions(command)
    .option('-p, --project <name>', 'project')
    .addOption(new Option('--projectname <name>').hideHelp());
}

export function addSpaceOptions(command: Command): Command {
  return addProjectOptions(command).option('-s, --space <name>', 'space');
}

/** Another spelling of an option, accepted but not shown. */
export function addSynonyms(command: Command, ...flags: readonly string[]): Command {
  for (const flag of flags) command.addOption(new Option(flag).hideHelp());
  return command;
}

export function parseInteger(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`It must be an integer, at least ${minimum}.`);
  };
}

/** For options that may be repeated or hold a comma-separated list. */
export function collectList(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...text.split(',').map((item) => item.trim())].filter((item) => item !== '');
}
