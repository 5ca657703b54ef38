import type { Command } from 'commander';
import { type CommandEntry, commandEntries, findCommand } from './command-table.ts';

/**
 * Entry of `tackle`, `coho` and `codehooks`. Exit codes: 0 done, 1 failed, 2 called wrongly. Nothing is imported here
 * that a command may not need: the start of the program is part of every command's time.
 */

// Options that may stand before the command and take a value; they are moved behind it.
const leadingValueOptions = ['--home', '--url', '--admintoken', '-p', '--project', '--projectname', '-s', '--space'];

interface Invocation {
  readonly name: string | null;
  readonly args: readonly string[];
}

/** Splits `--home x deploy --dir y` into the command and all of its arguments. */
function parseInvocation(argv: readonly string[]): Invocation {
  let index = 0;
  while (index < argv.length && argv[index]?.startsWith('-')) {
    index += leadingValueOptions.includes(argv[index] ?? '') ? 2 : 1;
  }
  const name = argv[index] ?? null;
  return { name, args: [...argv.slice(index + 1), ...argv.slice(0, index)] };
}

async function main(argv: readonly string[]): Promise<void> {
  const { name, args } = parseInvocation(argv);
  if (name === null && (args.includes('-v') || args.includes('-V') || args.includes('--version'))) {
    const { readVersion } = await import('./version.ts');
    process.stdout.write(`${readVersion()}\n`);
  } else if (name === null || name === 'help') {
    await showHelp(args.find((arg) => !arg.startsWith('-')));
  } else {
    await runCommand(requireCommand(name), args);
  }
}

async function showHelp(name: string | undefined): Promise<void> {
  if (name !== undefined) return runCommand(requireCommand(name), ['--help']);
  const { formatHelp } = await import('./help.ts');
  process.stdout.write(formatHelp());
}

function requireCommand(name: string): CommandEntry {
  const found = findCommand(name);
  if (found !== undefined) return found;
  throw Object.assign(new Error(`unknown command '${name}'`), { unknownCommand: name });
}

async function runCommand(entry: CommandEntry, args: readonly string[]): Promise<void> {
  const [{ Command }, { configure }, { createCli }] = await Promise.all([
    import('commander'),
    entry.load(),
    import('./cli.ts'),
  ]);
  const aliases = entry.aliases.length === 0 ? '' : ` (also: ${entry.aliases.join(', ')})`;
  const command = new Command(`tackle ${entry.name}`).description(entry.summary + aliases);
  // Errors are told by reportFailure; help for who left out the subcommand goes to stderr by itself.
  command.exitOverride().configureOutput({ outputError: () => {} });
  configure(command, createCli());
  for (const part of [command, ...command.commands]) addDebugOption(part);
  await command.parseAsync(args, { from: 'user' });
}

/** On every command; as `-d` too where that letter is free. */
function addDebugOption(command: Command): void {
  const taken = command.options.some(({ short }) => short === '-d');
  command.option(taken ? '--debug' : '-d, --debug', 'show where an error came from');
}

/** The reason in one line on stderr, and the exit code. */
async function reportFailure(error: unknown, argv: readonly string[]): Promise<number> {
  const { describeFailure } = await import('./failure.ts');
  const failure = describeFailure(error, {
    argv,
    command: findCommand(parseInvocation(argv).name ?? '')?.name ?? null,
    names: commandEntries.flatMap(({ name, aliases }) => [name, ...aliases]),
  });
  if (failure.json !== null) process.stdout.write(`${failure.json}\n`);
  if (failure.text !== null) process.stderr.write(`${failure.text}\n`);
  return failure.exitCode;
}

// The reader went away (`tackle query … | head`): nothing is wrong, and nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const argv = process.argv.slice(2);
try {
  await main(argv);
} catch (error) {
  process.exitCode = await reportFailure(error, argv);
}
