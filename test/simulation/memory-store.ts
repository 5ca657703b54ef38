import { TackleError } from '../../src/core/errors.ts';
import type { Command, Read, Storage } from '../../src/ports/storage.ts';
import { MemoryState } from './memory-state.ts';
import { MemoryTasks } from './memory-tasks.ts';
import { MemoryWorkflows } from './memory-workflows.ts';

/** A durable store in memory: synchronous, all or nothing. Gateways use it through a `StorageLink`. */
export class MemoryStore {
  readonly state = new MemoryState();
  readonly tasks = new MemoryTasks(this.state);
  readonly workflows = new MemoryWorkflows(this.state, this.tasks);

  /** So far, also those that were refused. */
  commits = 0;

  commit(commands: readonly Command[]): unknown[] {
    this.commits += 1;
    this.state.begin();
    try {
      return commands.map((command) => this.#run(command));
    } catch (error) {
      this.state.rollBack();
      throw error;
    }
  }

  #run(command: Command): unknown {
    const { tasks, workflows } = this;
    switch (command.kind) {
      case 'task.enqueue':
        return { tasks: tasks.enqueue(command.tasks, command.nowMs) };
      case 'task.claim':
        return tasks.claim(command);
      case 'task.fence':
        return tasks.fence(command.leases, command.orSettled);
      case 'task.settle':
        return {
          tasks: command.settlements.map(({ seq, attempt, settlement }) =>
            tasks.settle({ seq, attempt }, settlement, command.nowMs),
          ),
        };
      case 'task.extend':
        return tasks.extend(command);
      case 'task.promote':
        return tasks.promote(command);
      case 'task.reclaim':
        return tasks.reclaim(command);
      case 'task.redrive':
        return tasks.redrive(command);
      case 'task.drop':
        return tasks.drop(command);
      case 'task.publishNext':
        return { done: true, topics: [] };
      case 'task.sweep':
        return tasks.sweep(command);
      case 'topic.configure':
        return this.#configure(command);
      case 'schedule.put':
        return this.#putSchedule(command);
      case 'schedule.tick':
        return this.#tick(command);
      case 'workflow.start':
        return workflows.start(command);
      case 'workflow.steps':
        return { reports: workflows.steps(command.reports, command.nowMs) };
      case 'workflow.apply':
        return workflows.apply(command);
      case 'workflow.send':
        return workflows.send(command);
      case 'workflow.remember':
        return workflows.remember(command);
      case 'workflow.unpark':
        return { count: 0, topics: [] };
      case 'workflow.sweep':
        return { removed: 0 };
      default:
        throw new TackleError('internal', `The model has no command ${command.kind}`);
    }
  }

  #configure({ space, topic, declared, overrides }: Extract<Command, { kind: 'topic.configure' }>): unknown {
    const before = this.state.topics.get(`${space}\n${topic}`) ?? { declared: {}, overrides: {} };
    const merged = Object.entries({ ...before.overrides, ...overrides }).filter(([, value]) => value !== null);
    const after = { declared: declared ?? before.declared, overrides: Object.fromEntries(merged) };
    const { keyConcurrency } = this.state.settingsOf(space, topic);
    this.state.topics.set(`${space}\n${topic}`, after);
    this.tasks.freeBlocked({ space, topic }, keyConcurrency);
    return after;
  }

  #putSchedule(command: Extract<Command, { kind: 'schedule.put' }>): unknown {
    const { space, name, spec, topic, payload, nowMs, nextTickMs } = command;
    const before = this.state.schedules.get(`${space}\n${name}`);
    const lastTickMs = before?.lastTickMs ?? nowMs;
    this.state.schedules.set(`${space}\n${name}`, { spec, topic, payload, lastTickMs, nextTickMs });
    return { created: before === undefined };
  }

  #tick(command: Extract<Command, { kind: 'schedule.tick' }>): unknown {
    const { space, name, ticks, nextTickMs, nowMs } = command;
    const schedule = this.state.schedules.get(`${space}\n${name}`);
    if (schedule === undefined) return { enqueued: [], skipped: 0, topic: null };
    const fresh = ticks.filter(
      (tick) => tick > schedule.lastTickMs && !this.state.ticks.has(`${space}\n${name}\n${tick}`),
    );
    for (const tick of fresh) this.state.ticks.set(`${space}\n${name}\n${tick}`, true);
    const payload = (tick: number) => JSON.stringify({ tick });
    const enqueued = fresh.flatMap((tick) =>
      this.tasks.enqueue([{ space, topic: schedule.topic, payload: payload(tick) }], nowMs),
    );
    const lastTickMs = Math.max(schedule.lastTickMs, ...ticks);
    this.state.schedules.set(`${space}\n${name}`, { ...schedule, lastTickMs, nextTickMs });
    return { enqueued, skipped: 0, topic: schedule.topic };
  }

  read(read: Read): unknown {
    const { state } = this;
    switch (read.kind) {
      case 'task.nextDue':
        return { dueAtMs: this.tasks.nextDue(), sweepAtMs: null };
      case 'schedule.list':
        return state.schedules.entries().map(([key, schedule]) => {
          const [space = '', name = ''] = key.split('\n');
          return { space, name, skipped: 0, ...schedule };
        });
      case 'topic.busy':
        return [];
      case 'workflow.load':
        return read.steps.map(({ space, id, visit }) => {
          const found = state.instances.get(`${space}\n${id}`);
          if (found === undefined) return null;
          const view = { space, id, instance: found.instance, document: JSON.stringify(found.document) };
          return { view, memory: this.workflows.memoryOf(id, visit) };
        });
      case 'workflow.get': {
        const found = state.instances.get(`${read.space}\n${read.id}`);
        if (found === undefined) return null;
        return { space: read.space, id: read.id, instance: found.instance, document: JSON.stringify(found.document) };
      }
      case 'workflow.report':
      case 'workflow.list':
        return [];
      default:
        throw new TackleError('internal', `The model has no read ${read.kind}`);
    }
  }
}

/** How one gateway reaches the store; the simulator decides when a call arrives, when its answer does, and whether. */
export class StorageLink implements Storage {
  readonly #store: MemoryStore;
  readonly #deliver: <Result>(work: () => Result) => Promise<Result>;

  constructor(store: MemoryStore, deliver: <Result>(work: () => Result) => Promise<Result>) {
    this.#store = store;
    this.#deliver = deliver;
  }

  commit: Storage['commit'] = (commands) =>
    this.#deliver(() => this.#store.commit(commands as unknown as readonly Command[])) as never;

  read: Storage['read'] = (read) => this.#deliver(() => this.#store.read(read as Read)) as never;

  async backup(): Promise<void> {}
  async checkReady(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}
