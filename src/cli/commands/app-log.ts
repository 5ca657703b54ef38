import { type Command, Option } from 'commander';
import type { LogLine } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, parseInteger, type SpaceOptions } from '../options.ts';
import { formatTime, type Output } from '../output.ts';
import { readServerSentEvents } from '../server-sent-events.ts';

interface LogOptions extends SpaceOptions {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly context?: string;
  readonly filter?: string;
  readonly level?: string;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command)
    .option('-f, --follow', 'go on with new lines as they come')
    .option('-t, --tail <number>', 'how many of the last lines (100)', parseInteger(0))
    .option('-c, --context <name>', 'only lines of this context, for example routehooks')
    .option('--filter <text>', 'only lines that hold this text')
    .addOption(
      new Option('--level <level>', 'only lines of this kind').choices(['error', 'warn', 'log', 'info', 'debug']),
    )
    .action(async (options: LogOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const { tail, context, filter, level } = options;
      const query = { tail, context, filter, level };
      if (options.follow) {
        const stream = await api.open({ method: 'GET', path: `${path}/logs`, query: { ...query, follow: true } });
        await follow(cli.output, stream, options.json ?? false);
      } else {
        const { lines } = await api.get<{ lines: readonly LogLine[] }>(`${path}/logs`, query);
        for (const line of lines) printLine(cli.output, line, options.json ?? false);
        if (lines.length === 0) cli.output.notice('No such lines. What the app writes to the console appears here.');
      }
    });
}

async function follow(output: Output, stream: AsyncIterable<Uint8Array>, json: boolean): Promise<void> {
  for await (const { event, data } of readServerSentEvents(stream)) {
    if (event === 'log') printLine(output, JSON.parse(data) as LogLine, json);
  }
  output.notice('The gateway ended the stream.');
}

/** With --json one JSON object per line, so that a program can read while the log is followed. */
function printLine(output: Output, line: LogLine, json: boolean): void {
  if (json) {
    output.line(JSON.stringify(line));
    return;
  }
  const colour = line.logtype === 'error' ? 'red' : line.logtype === 'warn' ? 'yellow' : 'reset';
  const head = output.style('dim', `${formatTime(Date.parse(line.date))} ${line.context}`);
  output.line(`${head} ${output.style(colour, line.log.trim())}`);
}
