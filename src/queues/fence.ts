import { isPlainObject, type Json } from '../core/json.ts';
import type { TaskLease } from '../core/task.ts';
import type { HostCallContext } from '../ports/sandbox.ts';
import type { Command } from '../ports/storage.ts';

interface InvocationFacts {
  readonly isStep?: boolean;
  /** How many events led to the one that the task carries. */
  readonly hops?: number;
}

/** What a task hands to its invocation, for the host calls that it will make. */
export function createInvocationContext(
  leases: readonly TaskLease[],
  { isStep = false, hops = 0 }: InvocationFacts = {},
): Json {
  return {
    leases: leases.map(({ seq, attempt }) => ({ seq, attempt })),
    ...(isStep ? { isStep } : {}),
    ...(hops === 0 ? {} : { hops }),
  };
}

/** True for calls of a workflow's step, whose task only the step's own outcome may settle. */
export function isStepCall(context: HostCallContext): boolean {
  const given = context.invocation?.context;
  return isPlainObject(given) && given.isStep === true;
}

/** The context comes from the gateway itself, by way of the sandbox's supervisor; never from app code. */
export function readLeases(context: HostCallContext): readonly TaskLease[] {
  const given = context.invocation?.context;
  return isPlainObject(given) && Array.isArray(given.leases) ? (given.leases as TaskLease[]) : [];
}

/**
 * What stands in front of every commit that a task's code issues (foundations 2): once the task was taken from its attempt,
 * the commit is refused with `lease_lost`. Nothing for calls outside of tasks. What a handler still writes when it has
 * answered (the release of a lock in `finally`) may reach the writer after the task was settled, and is good.
 */
export function createFence(context: HostCallContext, { orSettled = true } = {}): readonly Command[] {
  const leases = readLeases(context);
  return leases.length === 0 ? [] : [{ kind: 'task.fence', leases, orSettled }];
}
