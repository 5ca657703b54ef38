import type { Command } from 'commander';
import { TackleError } from '../../core/errors.ts';
import type { RunOutcome } from '../../hooks/journal/journal.ts';
import { getHome, type HooksCliContext, printJson, runVerb } from './hooks-context.ts';
import { printRun } from './hooks-fire.ts';

interface RunsOptions {
  readonly hook?: string;
  readonly event?: string;
  readonly failed?: boolean;
  readonly dead?: boolean;
  readonly limit?: string;
  readonly json?: boolean;
}

const failures: readonly RunOutcome[] = ['error', 'timeout', 'crashed', 'dead'];

export function addRunsCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('runs')
    .description('show what ran, newest first')
    .option('--hook <name>')
    .option('--event <key>', 'event or family')
    .option('--failed', 'only failures')
    .option('--dead', 'only dead letters')
    .option('--limit <n>', 'how many', '50')
    .option('--json', 'print JSON')
    .action((options: RunsOptions, command: Command) =>
      runVerb(context, async () => {
        const { withJournal } = await import('./hooks-journal.ts');
        const outcomes: readonly RunOutcome[] | undefined = options.dead
          ? ['dead']
          : options.failed
            ? failures
            : undefined;
        const filter = { hook: options.hook, event: options.event, outcomes, limit: readLimit(options.limit ?? '50') };
        const runs =
          (await withJournal(getHome(command, context), context, (journal) => journal.listRuns(filter))) ?? [];
        if (options.json) printJson(context, runs);
        else if (runs.length === 0) context.write('No runs recorded.');
        else {
          for (const run of runs) {
            context.write(`${run.startedAt}  ${run.id}`);
            printRun(run, context);
          }
        }
      }),
    );
}

function readLimit(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new TackleError('invalid_request', `--limit must be a whole number from 1 on, not "${text}".`);
}

interface ReplayOptions {
  readonly hook?: string;
  readonly eventId?: string;
  readonly failed?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addReplayCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('replay')
    .description('run handlers again for stored events; dead letters when nothing is named')
    .argument('[run-id]')
    .option('--hook <name>')
    .option('--event-id <id>')
    .option('--failed', 'every failure, not only dead letters')
    .option('--dry-run', 'only tell what would run')
    .option('--json', 'print JSON')
    .action((runId: string | undefined, options: ReplayOptions, command: Command) =>
      runVerb(context, async () => {
        const { createHookEngine } = await import('../../hooks/index.ts');
        const engine = createHookEngine({ env: context.env, homeDir: getHome(command, context), recover: false });
        try {
          await engine.start();
          const report = await engine.replay({
            runId,
            hook: options.hook,
            eventId: options.eventId,
            outcomes: options.failed ? failures : undefined,
            dryRun: options.dryRun,
          });
          const isEmpty = report.replayed.length + report.skipped.length === 0;
          const named = runId ?? options.eventId;
          if (isEmpty && named !== undefined)
            throw new TackleError('not_found', `No run of "${named}" is stored. \`hooks runs\` lists the ids.`);
          if (report.replayed.some((item) => item.outcome !== undefined && item.outcome !== 'ok'))
            context.setExitCode(1);
          if (options.json) {
            printJson(context, report);
            return;
          }
          if (isEmpty) context.write('Nothing to replay.');
          for (const item of report.replayed)
            context.write(`${item.hook} [${item.key}] ${item.outcome ?? 'would run'} (event ${item.eventId})`);
          for (const item of report.skipped)
            context.write(`${item.hook} skipped: ${item.reason} (event ${item.eventId})`);
        } finally {
          await engine.stop({ deadlineMs: 1_000 });
        }
      }),
    );
}
