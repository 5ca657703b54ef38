import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import { formatTime } from '../output.ts';

interface Schedule {
  readonly name: string;
  readonly expression: string;
  readonly timezone: string;
  readonly catchUp: string;
  readonly overlap: string;
  readonly lastTickMs: number | null;
  readonly nextTickMs: number | null;
  readonly skipped: number;
}

export function configure(command: Command, cli: Cli): void {
  addSpaceOptions(command.command('list', { isDefault: true }).alias('ls').description('list the cron jobs')).action(
    async (options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const { schedules } = await api.get<{ schedules: readonly Schedule[] }>(`${path}/schedules`);
      if (options.json) return cli.output.json(schedules);
      if (schedules.length === 0) cli.output.notice('No cron jobs. An app adds one with app.job(cron, handler).');
      const rows = schedules.map((schedule) => [
        schedule.expression,
        schedule.timezone,
        formatTime(schedule.lastTickMs),
        formatTime(schedule.nextTickMs),
        schedule.skipped === 0 ? '' : `${schedule.skipped} left out`,
      ]);
      cli.output.table(['Job', 'Time zone', 'Last', 'Next', ''], rows);
    },
  );
  addSpaceOptions(command.command('run').description('run a cron job now'))
    .argument('<cron>', 'its cron expression, in quotes')
    .action(async (name: string, options: SpaceOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const body = { name };
      const { taskId } = await api.send<{ taskId: string }>({ method: 'POST', path: `${path}/schedules/run`, body });
      if (options.json) return cli.output.json({ taskId });
      cli.output.line(`Started ${name} as task ${taskId}.`);
    });
}
