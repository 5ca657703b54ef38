/** The stored form of control fields. Real: all of it; fast-check makes the fields. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { WorkflowControl } from '../../core/workflow.ts';
import { createControl } from '../../core/workflow-draft.ts';
import { decodeControl, encodeControl } from './control-text.ts';

const name = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => text !== '__proto__');
const orNull = <Type>(arbitrary: fc.Arbitrary<Type>) => fc.option(arbitrary, { nil: null });
const error = fc.record({
  message: fc.string(),
  code: name,
  step: name,
  attempt: fc.nat(),
  time: fc.constant('2026-01-01T00:00:00.000Z'),
});

const branch = fc.record(
  {
    parent: orNull(name),
    state: fc.constantFrom('queued', 'waiting', 'suspended', 'forked', 'failed', 'parked'),
    step: name,
    visit: fc.nat(),
    ticket: fc.nat(),
    timer: fc.nat(3),
    open: fc.nat(3),
    target: orNull(name),
    label: fc.constantFrom('', 'a'),
    waitingFor: orNull(fc.record({ type: fc.constant('sleep'), memo: name, untilMs: fc.nat() })),
    pendingNext: orNull(fc.oneof(name, fc.array(name))),
    error: orNull(error),
    dueAtMs: fc.nat(),
    parkedFrom: fc.constantFrom('queued', 'waiting', 'suspended'),
  },
  {
    requiredKeys: [
      'parent',
      'state',
      'step',
      'visit',
      'ticket',
      'timer',
      'open',
      'target',
      'label',
      'waitingFor',
      'pendingNext',
      'error',
    ],
  },
);
const count = fc.record(
  { visits: fc.nat(), startTime: fc.string(), finishTime: fc.string(), totalTime: fc.nat() },
  { requiredKeys: ['visits', 'startTime', 'totalTime'] },
);
const dictionary = <Type>(arbitrary: fc.Arbitrary<Type>) =>
  fc.array(fc.tuple(name, arbitrary), { maxLength: 4 }).map((entries) => Object.fromEntries(entries));

const control = fc
  .record({
    status: fc.constantFrom('running', 'waiting', 'completed', 'failed'),
    branches: dictionary(branch),
    lastVisit: fc.nat(),
    nextStep: orNull(name),
    previousStep: orNull(name),
    stepCount: dictionary(count),
    parallelSteps: dictionary(
      fc.record({ done: fc.boolean(), startTime: fc.string(), previousStep: orNull(name), result: fc.constant({}) }),
    ),
    lastError: orNull(error),
    updatedAtMs: fc.nat(),
    totalTime: orNull(fc.nat()),
    children: fc.array(name, { maxLength: 3 }),
  })
  .map((fields) => JSON.parse(JSON.stringify(fields)) as WorkflowControl);

it('what was stored is what is read', () => {
  fc.assert(fc.property(control, (fields) => assert.deepEqual(decodeControl(encodeControl(fields)), fields)));
});

it('rows of earlier releases, with every field, are read as they are', () => {
  fc.assert(fc.property(control, (fields) => assert.deepEqual(decodeControl(JSON.stringify(fields)), fields)));
});

it('an instance on its way takes half of what all its fields would take', () => {
  const step = {
    visits: 1,
    startTime: '2026-01-01T00:00:00.000Z',
    finishTime: '2026-01-01T00:00:00.001Z',
    totalTime: 1,
  };
  const root = {
    parent: null,
    state: 'queued',
    step: 'two',
    visit: 2,
    ticket: 7,
    timer: 0,
    open: 0,
    target: null,
  } as const;
  const fields: WorkflowControl = {
    ...createControl(0),
    branches: { '': { ...root, label: '', waitingFor: null, pendingNext: null, error: null } },
    stepCount: { one: step, two: step },
  };
  assert.ok(encodeControl(fields).length < 0.6 * JSON.stringify(fields).length);
});
