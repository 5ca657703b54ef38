import type { WorkflowInstance } from '../../core/workflow.ts';
import type { StepReportResult, WorkflowChange, WorkflowReads, WorkflowRef } from '../../ports/storage/workflows.ts';
import type { Command } from '../../ports/storage.ts';
import { decodeControl } from './control-text.ts';
import { type KeptReads, stepGroup } from './kept-reads.ts';

/**
 * What the next step of an instance needs, from the answer to the commit that queued it: most steps begin at once, and need
 * not be read then.
 */
interface QueuedStep {
  readonly visit: number;
  /** What never changes of it and its control fields, a line each. */
  readonly instance: string;
  readonly document: string;
}

/** The first line of the text: what never changes of an instance. The control fields follow. */
export function describeHead(instance: WorkflowInstance): string {
  const { control: _, ...head } = instance;
  return JSON.stringify(head);
}

/**
 * Takes what a commit left of its instances. `results` are those of `commands`. Nothing of reports beside one that may have
 * changed other instances, after they were dealt with.
 */
export function keepQueuedSteps(kept: KeptReads, commands: readonly Command[], results: readonly unknown[]): void {
  for (const [index, command] of commands.entries()) {
    if (command.kind === 'workflow.start') {
      keepQueued(kept, command.instance, command.instance.collection, results[index] as WorkflowChange);
    } else if (command.kind === 'workflow.steps') {
      if (command.reports.some(({ onlyIn }) => onlyIn === null)) continue;
      const { reports } = results[index] as { readonly reports: readonly StepReportResult[] };
      for (const [at, report] of command.reports.entries()) {
        const result = reports[at]!;
        if (result.type === 'applied' && report.onlyIn !== null) keepQueued(kept, report, report.onlyIn, result);
      }
    }
  }
}

function keepQueued(kept: KeptReads, { space, id }: WorkflowRef, collection: string, change: WorkflowChange): void {
  const { queued, document } = change;
  if (queued === undefined || queued === null) return;
  const step: QueuedStep = { visit: queued.visit, instance: queued.instance, document };
  kept.keepWritten(stepGroup(space, collection), id, step);
}

/** Undefined when one of the steps must be read. */
export function loadKept(
  kept: KeptReads,
  steps: WorkflowReads['workflow.load']['params']['steps'],
): WorkflowReads['workflow.load']['result'] | undefined {
  const found: WorkflowReads['workflow.load']['result'][number][] = [];
  for (const { space, id, visit, collection } of steps) {
    if (collection === undefined) return undefined;
    const step = kept.find(stepGroup(space, collection), id) as QueuedStep | undefined;
    if (step === undefined || step.visit !== visit) return undefined;
    const [head, control] = step.instance.split('\n') as [string, string];
    const instance = { ...JSON.parse(head), control: decodeControl(control) } as WorkflowInstance;
    found.push({ view: { space, id, instance, document: step.document }, memory: {} });
  }
  return found;
}
