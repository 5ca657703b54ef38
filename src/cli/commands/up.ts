import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../server/config.ts';
import type { RunningServer } from '../../server/start-server.ts';
import type { Cli } from '../cli.ts';
import { addConfigOptions, loadConfigFromOptions } from '../config-options.ts';
import { getProgramName } from '../program-name.ts';

export function configure(command: Command, cli: Cli): void {
  addConfigOptions(command)
    .option('--json', 'print the ready line as JSON')
    .option('--resume', 'start the schedules and workers that a restored home keeps paused')
    .addHelpText('after', '\nEvery option is a setting of tackle.json too: docs/configuration.md.')
    .action(async (options: { readonly json?: boolean; readonly resume?: boolean }) => {
      // Before the server's own modules are loaded: a wrong setting is told at once.
      const { config } = loadConfigFromOptions({ ...options }, cli);
      const { startServer } = await import('../../server/start-server.ts');
      const server = await startServer(config, { resume: options.resume });
      if (options.json) cli.output.line(JSON.stringify({ url: server.url, home: config.home, pid: process.pid }));
      else printReady(cli, server.url, config);
      await runUntilStopped(server, cli);
    });
}

function printReady(cli: Cli, url: string, { home, server }: Config): void {
  const { output } = cli;
  const isDefaultHome = cli.env.TACKLE_HOME !== undefined || home === resolve(cli.userHome, '.tackle');
  const option = isDefaultHome ? '' : ` --home ${home}`;
  const program = getProgramName(cli);
  const fromBelow = program.includes('/') ? resolve(cli.currentDirectory, program) : program;
  const appUrl = server.publicUrl ?? url.replace('127.0.0.1', 'localhost');
  output.line(`Tackle is ready at ${output.style(['bold', 'cyan'], url)} (home ${home}; Ctrl+C stops it)`);
  output.line();
  output.line('Try, in another terminal:');
  output.line(`  ${program} create hello${option}`);
  output.line(`  cd hello && ${fromBelow} deploy${option}`);
  output.line(`  curl '${appUrl}/p/hello/dev/hello?name=you'`);
}

/** SIGINT and SIGTERM stop in order; the second one does not wait. Resolves when the gateway has stopped. */
async function runUntilStopped(server: RunningServer, { output }: Cli): Promise<void> {
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      output.notice(`tackle: ${signal} again: stopping at once`);
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
    stopping = true;
    output.notice('tackle: stopping; requests under way may finish (again: stop at once)');
    server.stop().then(done, reject);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  await promise;
  process.off('SIGINT', onSignal);
  process.off('SIGTERM', onSignal);
}
