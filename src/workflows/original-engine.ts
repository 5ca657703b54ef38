import { TackleError } from '../core/errors.ts';
import type { WorkflowStatus } from '../core/workflow.ts';
import type { WorkflowDefinition } from '../core/workflow-definition.ts';
import type { Queues } from '../queues/queues.ts';

/** Instances that change hands between the engine of the original library and ours (foundations 11). */
const system = { lane: { lane: 'system' } } as const;
const parkedAtOnce = 50;

export const parkedForOriginal =
  'The deployed bundle has the original library, whose engine cannot go on with this instance; deploy with tackle deploy.';

/** Parks the instances of a space that have this status, and takes their tasks out of the queue. */
export async function parkAll(queues: Queues, space: string, status: WorkflowStatus): Promise<void> {
  let last: string | undefined;
  for (;;) {
    const after = last === undefined ? {} : { after: last };
    const query = { kind: 'workflow.list', space, status, limit: parkedAtOnce, ...after } as const;
    const page = await queues.storage.read(query);
    const nowMs = queues.clock.now();
    const operation = { type: 'park', reason: parkedForOriginal } as const;
    const commands = page.map(({ id }) => ({ kind: 'workflow.apply', space, id, operation, nowMs }) as const);
    if (commands.length > 0) await queues.dispatcher.guard('change', () => queues.storage.commit(commands, system));
    if (page.length < parkedAtOnce) return;
    last = page.at(-1)?.id;
  }
}

interface WaitingInstances {
  readonly space: string;
  readonly definition: WorkflowDefinition;
  /** Of documents that the original engine left in `wait`. */
  readonly ids: readonly string[];
  readonly liveVersion: string | null;
}

/** Gives them an instance here. True when one was taken over; those that are here, have ended or are none are left out. */
export async function adoptWaiting(
  queues: Queues,
  { space, definition, ids, liveVersion }: WaitingInstances,
): Promise<boolean> {
  const { name, collection, queuePrefix, maxStepCount, versioning } = definition;
  const version = versioning === 'pinned' ? liveVersion : null;
  const shared = { space, name, collection, queuePrefix, maxStepCount, version, parent: null };
  const nowMs = queues.clock.now();
  const adopt = (id: string) => {
    const instance = { ...shared, id };
    const command = { kind: 'workflow.adopt', instance, step: '', state: {}, lease: null, nowMs } as const;
    return queues.dispatcher.guard('change', () => queues.storage.commit([command], system));
  };
  const adoptions = await Promise.allSettled(ids.map(adopt));
  const failures = adoptions.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  const failure = failures.find(({ reason }) => !(reason instanceof TackleError) || reason.code !== 'not_found');
  if (failure !== undefined) throw failure.reason;
  return adoptions.some((adoption) => adoption.status === 'fulfilled' && adoption.value[0] !== null);
}
