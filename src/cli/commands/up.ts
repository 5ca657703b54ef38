import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addConfigOptions, loadConfigFromOptions } from '../config-options.ts';
import { getProgramName } from '../program-name.ts';

export function configure(command: Command, cli: Cli): void {
  addConfigOptions(command)
    .option('--json', 'print the ready line as JSON')
    .option('--resume', 'start what a restored home keeps paused: schedules, workers, outgoing deliveries')
    .addHelpText('after', '\nEvery option is a setting of tackle.json too: docs/configuration.md.')
    .action(async (options: { readonly json?: boolean }) => {
      // Before the server's own modules are loaded: a wrong setting is told at once.
      const { config } = loadConfigFromOptions({ ...options }, cli);
      const { startServer } = await import('../../server/start-server.ts');
      const server = await startServer(config);
      const { url, home } = { url: server.url, home: config.home };
      if (options.json) cli.output.json({ url, home, pid: process.pid });
      else printReady(cli, url, home);
      await runUntilStopped(server, cli);
    });
}

function printReady(cli: Cli, url: string, home: string): void {
  const { output } = cli;
  const program = getProgramName(cli);
  const inHome = cli.env.TACKLE_HOME === home || home === `${cli.userHome}/.tackle` ? '' : ` --home ${home}`;
  output.line(`Tackle is ready: ${output.style(['bold', 'cyan'], url)}  (home ${home}, Ctrl+C stops it)`);
  output.line();
  output.line('Try, in another terminal:');
  const absolute = program.includes('/') ? `${cli.currentDirectory}/${program.replace(/^\.\//, '')}` : program;
  const elsewhere = program.startsWith('/') ? program : absolute;
  output.line(`  ${program} create hello${inHome}`);
  output.line(`  cd hello && ${elsewhere} deploy${inHome}`);
  output.line(`  curl '${url}/dev/hello?name=you'`);
}

interface StoppableServer {
  /** Lets requests under way finish, then closes. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

/** SIGINT and SIGTERM stop in order; the second one does not wait. Resolves when the gateway has stopped. */
async function runUntilStopped(server: StoppableServer, { output }: Cli): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      output.notice(`tackle: ${signal} again: stopping at once`);
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
    stopping = true;
    output.notice('tackle: stopping; requests under way may finish (again: stop at once)');
    server.stop().then(resolve, reject);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  await promise;
  process.off('SIGINT', onSignal);
  process.off('SIGTERM', onSignal);
}
