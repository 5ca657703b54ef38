/** Parking an instance by hand and taking it up again, as pure decisions. Nothing is fake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepOutcome, WorkflowInstance } from './workflow.ts';
import { decideWorkflow, type WorkflowDecision, type WorkflowOperation } from './workflow-decide.ts';
import { createControl } from './workflow-draft.ts';

const steps = ['a', 'b', 'c', 'd'];

/** Applies operations one after the other and counts the tickets; times are those of the operations. */
class Course {
  instance: WorkflowInstance = {
    id: 'i',
    name: 'flow',
    collection: 'workflowdata',
    queuePrefix: 'q',
    maxStepCount: 9,
    version: null,
    parent: null,
    createdAtMs: 0,
    control: createControl(0),
  };
  #ticket = 0;

  apply(operation: WorkflowOperation, nowMs = 0): WorkflowDecision {
    const decision = decideWorkflow(this.instance, operation, {
      nowMs,
      allocateTicket: () => {
        this.#ticket += 1;
        return this.#ticket;
      },
      takeEvent: () => null,
    });
    this.instance = decision.instance;
    return decision;
  }

  start(): void {
    this.apply({ type: 'start', step: 'a', state: {}, delayMs: 0 });
  }

  end(branch: string, outcome: StepOutcome, nowMs = 0): WorkflowDecision {
    const { ticket } = this.instance.control.branches[branch]!;
    return this.apply({ type: 'step', branch, ticket, attempt: 1, startedAtMs: nowMs, outcome }, nowMs);
  }

  park(nowMs = 0): WorkflowDecision {
    const decision = this.apply({ type: 'park', reason: 'as told' }, nowMs);
    assert.equal(this.instance.control.status, 'parked');
    return decision;
  }

  unpark(nowMs = 0): WorkflowDecision {
    return this.apply({ type: 'unpark', steps }, nowMs);
  }

  get status(): string {
    return this.instance.control.status;
  }
}
const effectsOf = (decision: WorkflowDecision, type: string) =>
  decision.effects.filter((effect) => effect.type === type) as { delayMs?: number; ticket?: number; branch?: string }[];

test('a step that sleeps or is delayed goes on when it would have, not earlier', () => {
  const course = new Course();
  course.start();
  course.end('', { type: 'suspend', request: { type: 'sleep', memo: 'sleep:', untilMs: 10_000 } }, 1_000);
  assert.deepEqual(effectsOf(course.park(2_000), 'drop'), [{ type: 'drop', ticket: 2 }]);
  assert.deepEqual(
    effectsOf(course.unpark(4_000), 'enqueue').map(({ delayMs }) => delayMs),
    [6_000],
  );
  assert.equal(course.status, 'running');
  course.park(5_000);
  assert.deepEqual(
    effectsOf(course.unpark(60_000), 'enqueue').map(({ delayMs }) => delayMs),
    [0],
  );
});

test('a step that waits for an event stops listening, and asks again', () => {
  const course = new Course();
  course.start();
  const request = { type: 'event', memo: 'event:paid', event: 'paid', key: null, timeoutMs: 5_000 } as const;
  course.end('', { type: 'suspend', request });
  const parked = course.park();
  assert.equal(effectsOf(parked, 'unlisten').length, 1);
  assert.equal(effectsOf(parked, 'drop').length, 1);
  assert.equal(effectsOf(course.unpark(), 'enqueue').length, 1);
});

test('a step that waits for a child waits on; a child that ended meanwhile lets it go on', () => {
  for (const endsMeanwhile of [false, true]) {
    const course = new Course();
    course.start();
    const request = { type: 'child', memo: 'child:x', childId: 'kid' } as const;
    course.end('', { type: 'suspend', request });
    const told = { type: 'child', branch: '', visit: 1, memo: 'child:x', childId: 'kid', result: {} } as const;
    course.park();
    if (endsMeanwhile) assert.equal(effectsOf(course.apply(told), 'enqueue').length, 0);
    const enqueued = effectsOf(course.unpark(), 'enqueue').length;
    assert.deepEqual([enqueued, course.status], endsMeanwhile ? [1, 'running'] : [0, 'waiting']);
    if (!endsMeanwhile) assert.equal(effectsOf(course.apply(told), 'enqueue').length, 1);
  }
});

test('every branch of a fork goes on as it was: one waits, one runs, one is done; and they join once', () => {
  const course = new Course();
  course.start();
  const goto = (next: string | readonly string[]): StepOutcome => ({
    type: 'goto',
    next,
    patch: {},
    delayMs: 0,
    join: true,
  });
  course.end('', goto(['b', 'c', 'd']));
  const [b, c, d] = ['1-0', '1-1', '1-2'];
  course.end(b!, goto('a'));
  course.end(c!, { type: 'wait', patch: {} });
  course.park();
  assert.deepEqual(
    effectsOf(course.unpark(), 'enqueue').map(({ branch }) => branch),
    [d],
  );
  assert.equal(course.instance.control.branches[c!]?.state, 'waiting');
  course.end(d!, goto('a'));
  assert.deepEqual(
    effectsOf(course.apply({ type: 'continue', reset: false }), 'enqueue').map(({ branch }) => branch),
    [c],
  );
  assert.deepEqual(
    effectsOf(course.end(c!, goto('a')), 'enqueue').map(({ branch }) => branch),
    [''],
  );
});

test('what a step reports after its instance was parked is stale, and a cancelled instance is not parked', () => {
  const course = new Course();
  course.start();
  const { ticket } = course.instance.control.branches['']!;
  course.park();
  const outcome: StepOutcome = { type: 'wait', patch: {} };
  const late = course.apply({ type: 'step', branch: '', ticket, attempt: 1, startedAtMs: 0, outcome });
  assert.equal(late.stale, true);
  course.apply({ type: 'cancel', reason: null });
  assert.equal(course.apply({ type: 'park', reason: 'late' }).stale, true);
});
