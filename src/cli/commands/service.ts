import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { TackleError } from '../../core/errors.ts';
import { resolveHome } from '../../server/config-home.ts';
import type { Cli } from '../cli.ts';
import { formatLaunchdPlist, formatSystemdUnit, launchdLabel, type ServiceDescription } from '../service-files.ts';

interface ServiceOptions {
  readonly home?: string;
  readonly system?: boolean;
  readonly user?: string;
  readonly print?: boolean;
  readonly start: boolean;
}

/** Where a service is defined, and the commands that make the service manager take notice. */
interface ServiceManager {
  readonly file: string;
  readonly text: string;
  readonly start: readonly (readonly string[])[];
  readonly stop: readonly (readonly string[])[];
  readonly status: readonly string[];
  readonly runsAsRoot: boolean;
}

export function configure(command: Command, cli: Cli): void {
  const install = command
    .command('install')
    .description('start the gateway now and after every restart of the machine');
  addServiceOptions(install)
    .argument('[options...]', "options of 'tackle up', behind --")
    .option('--print', 'print the service file, change nothing')
    .option('--no-start', 'write the service file, do not start it')
    .action((upOptions: string[], options: ServiceOptions) => {
      const manager = chooseManager(options, upOptions, cli);
      if (options.print) return void cli.output.chunk(manager.text);
      mkdirSync(dirname(manager.file), { recursive: true });
      writeFileSync(manager.file, manager.text);
      cli.output.line(`Wrote ${manager.file}.`);
      if (manager.runsAsRoot) cli.output.notice('It runs as root. Better: an account of its own, named with --user.');
      if (!options.start) return;
      for (const step of manager.start) runStep(step);
      cli.output.line(`Started. Look after it with: ${manager.status.join(' ')}`);
    });
  const uninstall = command.command('uninstall').description('stop the service and forget it; the home is kept');
  addServiceOptions(uninstall).action((options: ServiceOptions) => {
    const manager = chooseManager(options, [], cli);
    if (!existsSync(manager.file))
      throw new TackleError('not_found', `No service is installed: ${manager.file} is missing.`);
    for (const step of manager.stop) runStep(step);
    rmSync(manager.file);
    cli.output.line(`Removed ${manager.file}.`);
  });
  const status = command.command('status', { isDefault: true }).description('show what the service manager says');
  addServiceOptions(status).action((options: ServiceOptions) => {
    const manager = chooseManager(options, [], cli);
    if (!existsSync(manager.file)) {
      throw new TackleError(
        'not_found',
        `No service is installed; 'tackle service install' makes one: ${manager.file}`,
      );
    }
    const [program = '', ...args] = manager.status;
    const { status: code } = spawnSync(program, args, { stdio: 'inherit' });
    process.exitCode = code ?? 1;
  });
}

function addServiceOptions(command: Command): Command {
  return command
    .option('--home <directory>', 'home of the gateway')
    .addOption(new Option('--system', 'a service of the machine instead of your own (systemd; needs root)'))
    .option('--user <name>', 'account that a service of the machine runs under');
}

function chooseManager(options: ServiceOptions, upOptions: readonly string[], cli: Cli): ServiceManager {
  const { home } = resolveHome({ homeFlag: options.home, ...cli });
  const isSystem = options.system ?? (process.platform === 'linux' && process.getuid?.() === 0);
  const service: ServiceDescription = {
    program: resolve(import.meta.dirname, '../../../bin/tackle'),
    home,
    options: upOptions,
    user: isSystem ? (options.user ?? cli.env.SUDO_USER ?? userInfo().username) : null,
    path: cli.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  };
  if (process.platform === 'darwin') return describeLaunchd(service, cli);
  if (process.platform === 'linux') return describeSystemd(service, cli);
  throw new TackleError(
    'invalid_request',
    `Services are supported on Linux (systemd) and macOS, not on ${process.platform}.`,
  );
}

function describeSystemd(service: ServiceDescription, { userHome, env }: Cli): ServiceManager {
  const isSystem = service.user !== null;
  const configHome = env.XDG_CONFIG_HOME || join(userHome, '.config');
  const directory = isSystem ? '/etc/systemd/system' : join(configHome, 'systemd/user');
  const systemctl = isSystem ? ['systemctl'] : ['systemctl', '--user'];
  return {
    file: join(directory, 'tackle.service'),
    text: formatSystemdUnit(service),
    start: [
      [...systemctl, 'daemon-reload'],
      [...systemctl, 'enable', '--now', 'tackle.service'],
    ],
    stop: [[...systemctl, 'disable', '--now', 'tackle.service']],
    status: [...systemctl, 'status', 'tackle.service'],
    runsAsRoot: service.user === 'root',
  };
}

function describeLaunchd(service: ServiceDescription, { userHome }: Cli): ServiceManager {
  const file = join(userHome, 'Library/LaunchAgents', `${launchdLabel}.plist`);
  const domain = `gui/${process.getuid?.() ?? 0}`;
  return {
    file,
    text: formatLaunchdPlist(service, join(service.home, 'gateway.log')),
    start: [['launchctl', 'bootstrap', domain, file]],
    stop: [['launchctl', 'bootout', `${domain}/${launchdLabel}`]],
    status: ['launchctl', 'print', `${domain}/${launchdLabel}`],
    runsAsRoot: false,
  };
}

function runStep([program = '', ...args]: readonly string[]): void {
  const { error, status } = spawnSync(program, args, { stdio: ['ignore', 2, 2] });
  if (error !== undefined) {
    throw new TackleError(
      'internal',
      `${program} could not be run (${error.message}): is it installed on this machine?`,
    );
  }
  if (status !== 0)
    throw new TackleError('internal', `'${program} ${args.join(' ')}' failed with exit code ${status}.`);
}
