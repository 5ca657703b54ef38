import type { SerializedError } from '../../src/core/errors.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import type { ScheduleSpec } from '../../src/core/schedule.ts';
import type { TaskState } from '../../src/core/task.ts';
import { resolveTopicSettings, type TopicSettings } from '../../src/core/task-topic.ts';
import type { WorkflowInstance } from '../../src/core/workflow.ts';
import type { StepRecord } from '../../src/core/workflow-decide.ts';

export interface MemoryTask {
  seq: number;
  space: string;
  topic: string;
  state: TaskState;
  line: number;
  priority: number;
  runAtMs: number | null;
  key: string | null;
  holdsKey: boolean;
  dedupeKey: string | null;
  id: string | null;
  jobId: string | null;
  payload: string;
  options: JsonObject | null;
  attempt: number;
  failures: number;
  crashes: number;
  /** The last attempt was taken from its worker, or given back by it. */
  isTaken: boolean;
  owner: string | null;
  leaseUntilMs: number;
  createdAtMs: number;
  finishedAtMs: number | null;
  forgetAtMs: number | null;
  reason: string | null;
  error: SerializedError | null;
}

export interface MemoryWait {
  readonly space: string;
  readonly instanceId: string;
  readonly branch: string;
  readonly visit: number;
  readonly address: string;
  readonly line: number;
}

export interface MemoryEvent {
  readonly n: number;
  readonly space: string;
  readonly address: string;
  readonly payload: Json;
}

export interface MemorySchedule {
  readonly spec: ScheduleSpec;
  readonly topic: string;
  readonly payload: string;
  readonly lastTickMs: number;
  readonly nextTickMs: number | null;
}

export interface MemoryInstance {
  readonly space: string;
  readonly instance: WorkflowInstance;
  readonly document: JsonObject;
  readonly history: readonly StepRecord[];
}

/** A map whose changes can be taken back: a commit that fails leaves no trace. */
export class UndoMap<Value> {
  readonly #values = new Map<string, Value>();
  readonly #undo: (() => void)[];

  constructor(undo: (() => void)[]) {
    this.#undo = undo;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: Value): void {
    const before = this.#values.get(key);
    const existed = this.#values.has(key);
    this.#undo.push(() => (existed ? this.#values.set(key, before as Value) : this.#values.delete(key)));
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (!this.#values.has(key)) return;
    const before = this.#values.get(key) as Value;
    this.#undo.push(() => this.#values.set(key, before));
    this.#values.delete(key);
  }

  values(): Value[] {
    return [...this.#values.values()];
  }

  entries(): [string, Value][] {
    return [...this.#values.entries()];
  }
}

/** Everything that a durable store knows, in plain maps. */
export class MemoryState {
  readonly #undo: (() => void)[] = [];
  readonly tasks = new UndoMap<Readonly<MemoryTask>>(this.#undo);
  readonly topics = new UndoMap<{ declared: JsonObject; overrides: JsonObject }>(this.#undo);
  readonly schedules = new UndoMap<MemorySchedule>(this.#undo);
  readonly ticks = new UndoMap<true>(this.#undo);
  readonly instances = new UndoMap<MemoryInstance>(this.#undo);
  readonly memory = new UndoMap<Json>(this.#undo);
  readonly waits = new UndoMap<MemoryWait>(this.#undo);
  readonly events = new UndoMap<MemoryEvent>(this.#undo);
  #numbers = 0;

  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  settingsOf(space: string, topic: string): TopicSettings {
    const known = this.topics.get(`${space}\n${topic}`) ?? { declared: {}, overrides: {} };
    return resolveTopicSettings(topic, known.declared, known.overrides);
  }

  task(seq: number): Readonly<MemoryTask> | undefined {
    return this.tasks.get(String(seq));
  }

  change(task: Readonly<MemoryTask>, change: Partial<MemoryTask>): void {
    this.tasks.set(String(task.seq), { ...task, ...change });
  }

  tasksIn(state: TaskState): Readonly<MemoryTask>[] {
    return this.tasks.values().filter((task) => task.state === state);
  }

  begin(): void {
    this.#undo.length = 0;
  }

  rollBack(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}
