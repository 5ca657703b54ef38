import type { Command } from 'commander';
import { findNearest } from '../../core/nearest.ts';
import type { Cli } from '../cli.ts';
import { getProgramName } from '../program-name.ts';
import type { HooksCliContext } from './hooks-context.ts';
import { addDoctorCommand } from './hooks-doctor.ts';
import { addFireCommand, addTestCommand } from './hooks-fire.ts';
import { addInfoCommand } from './hooks-info.ts';
import { addInstallCommands } from './hooks-install.ts';
import { addLintCommand } from './hooks-lint.ts';
import { addCheckCommand, addListCommand, runList } from './hooks-list.ts';
import { addMigrateCommand, addNewCommand } from './hooks-new.ts';
import { addReplayCommand, addRunsCommand } from './hooks-runs.ts';
import { addToggleCommands } from './hooks-toggle.ts';

/** Adds `hooks` with all its verbs to a program. */
export function registerHooksCommands(program: Command, context: HooksCliContext): void {
  addHooksVerbs(program.command('hooks').description('find, check, install and run hooks'), context);
}

/** The same for a command that exists already; bare `hooks` lists. */
export function configure(command: Command, cli: Cli): void {
  addHooksVerbs(command, {
    env: cli.env,
    cwd: cli.currentDirectory,
    programName: getProgramName(cli),
    write: (text) => cli.output.line(text),
    writeError: (text) => cli.output.notice(text),
    setExitCode: (code) => {
      process.exitCode = code;
    },
  });
}

function addHooksVerbs(hooks: Command, context: HooksCliContext): void {
  hooks.option('--home <directory>', 'home of the gateway');
  addListCommand(hooks, context);
  addInfoCommand(hooks, context);
  addCheckCommand(hooks, context);
  addToggleCommands(hooks, context);
  addInstallCommands(hooks, context);
  addNewCommand(hooks, context);
  addLintCommand(hooks, context);
  addTestCommand(hooks, context);
  addFireCommand(hooks, context);
  addRunsCommand(hooks, context);
  addReplayCommand(hooks, context);
  addDoctorCommand(hooks, context);
  addMigrateCommand(hooks, context);
  hooks.allowExcessArguments().action(() => {
    const [verb] = hooks.args;
    if (verb === undefined) return runList({}, hooks, context);
    const nearest = findNearest(
      verb,
      hooks.commands.map((command) => command.name()),
    );
    const hint = nearest === null ? '--help lists the commands.' : `Did you mean '${nearest}'?`;
    return hooks.error(`unknown command '${verb}'. ${hint}`, { code: 'commander.unknownCommand' });
  });
}
