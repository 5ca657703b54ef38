import { TackleError } from '../core/errors.ts';
import { checkCronExpression, computeDueTicks, computeNextTickMs, type ScheduleSpec } from '../core/schedule.ts';
import type { EnqueuedTask, ScheduleView } from '../ports/storage/tasks.ts';
import type { Storage } from '../ports/storage.ts';
import { Alarm, type Clock } from './clock.ts';
import type { Dispatcher } from './dispatcher.ts';

export interface SchedulesOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  onError(message: string, error: unknown): void;
}

export interface ScheduleDeclaration {
  readonly space: string;
  /** Unique in the space. */
  readonly name: string;
  readonly spec: ScheduleSpec;
  readonly topic: string;
  /** JSON text for the tasks. */
  readonly payload: string;
}

const system = { lane: { lane: 'system' } } as const;

interface Planned {
  readonly declaration: ScheduleDeclaration;
  lastTickMs: number;
  nextTickMs: number | null;
}

/**
 * Turns ticks into tasks. A tick is a row of its own in the store, so that it has one task however many gateways see it
 * come due and however often one of them is killed over it. One alarm serves all schedules.
 */
export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #planned = new Map<string, Planned>();
  readonly #alarm: Alarm;
  #isStopped = false;

  constructor(options: SchedulesOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => void this.#tickAll());
  }

  /** Plans what the store knows; ticks missed meanwhile follow their policy at once. */
  async start(): Promise<void> {
    for (const view of await this.#options.storage.read({ kind: 'schedule.list' })) this.#plan(view, view.lastTickMs);
    this.#arm();
  }

  async put(declaration: ScheduleDeclaration): Promise<void> {
    checkCronExpression(declaration.spec.expression, declaration.spec.timezone);
    const nowMs = this.#options.clock.now();
    const nextTickMs = computeNextTickMs(declaration.spec, nowMs);
    await this.#options.storage.commit([{ kind: 'schedule.put', ...declaration, nowMs, nextTickMs }], system);
    const known = this.#planned.get(keyOf(declaration));
    this.#plan(declaration, known?.lastTickMs ?? nowMs);
    this.#arm();
  }

  async remove(space: string, name: string): Promise<boolean> {
    this.#planned.delete(keyOf({ space, name }));
    const [{ removed }] = await this.#options.storage.commit([{ kind: 'schedule.remove', space, name }], system);
    return removed;
  }

  /** Ticks no more for a space; what is stored stays. */
  forgetSpace(space: string): void {
    for (const [key, plan] of this.#planned) if (plan.declaration.space === space) this.#planned.delete(key);
  }

  list(space?: string): Promise<readonly ScheduleView[]> {
    return this.#options.storage.read({ kind: 'schedule.list', ...(space === undefined ? {} : { space }) });
  }

  /** Runs it now, whatever its plan says. Rejects with `not_found`. */
  async runNow(space: string, name: string): Promise<EnqueuedTask> {
    const nowMs = this.#options.clock.now();
    const [result] = await this.#options.storage.commit(
      [{ kind: 'schedule.tick', space, name, ticks: [nowMs], missed: 0, nextTickMs: null, nowMs, manual: true }],
      system,
    );
    if (result.topic !== null) this.#options.dispatcher.notify([{ space, topic: result.topic }]);
    const [task] = result.enqueued;
    if (task === undefined) throw new TackleError('internal', `The schedule "${name}" gave no task.`);
    return task;
  }

  stop(): void {
    this.#isStopped = true;
    this.#alarm.cancel();
  }

  #plan(declaration: ScheduleDeclaration, lastTickMs: number | null): void {
    const { space, name, spec, topic, payload } = declaration;
    const last = lastTickMs ?? this.#options.clock.now();
    const nextTickMs = computeNextTickMs(spec, last);
    this.#planned.set(keyOf(declaration), {
      declaration: { space, name, spec, topic, payload },
      lastTickMs: last,
      nextTickMs,
    });
  }

  #arm(): void {
    if (this.#isStopped) return;
    for (const { nextTickMs } of this.#planned.values()) this.#alarm.wantAt(nextTickMs);
  }

  async #tickAll(): Promise<void> {
    const nowMs = this.#options.clock.now();
    const due = [...this.#planned.values()].filter((plan) => plan.nextTickMs !== null && plan.nextTickMs <= nowMs);
    await Promise.all(due.map((plan) => this.#tick(plan, nowMs)));
    this.#arm();
  }

  async #tick(plan: Planned, nowMs: number): Promise<void> {
    const { storage, dispatcher } = this.#options;
    const { space, name, spec } = plan.declaration;
    const { ticks, missed, nextTickMs } = computeDueTicks(spec, plan.lastTickMs, nowMs);
    try {
      const [result] = await dispatcher.guard('tick', () =>
        storage.commit([{ kind: 'schedule.tick', space, name, ticks, missed, nextTickMs, nowMs }], system),
      );
      plan.lastTickMs = ticks.at(-1) ?? nowMs;
      plan.nextTickMs = nextTickMs;
      if (result.topic !== null && result.enqueued.length > 0) dispatcher.notify([{ space, topic: result.topic }]);
    } catch (error) {
      this.#options.onError(`The tick of "${name}" in ${space} could not be written; trying again`, error);
      // The same tick is computed again then; whether it was written or not, its row decides.
      plan.nextTickMs = nowMs + 1_000;
    }
  }
}

function keyOf({ space, name }: { readonly space: string; readonly name: string }): string {
  return `${space}\n${name}`;
}
