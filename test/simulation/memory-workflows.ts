import { TackleError } from '../../src/core/errors.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import {
  type ChildStart,
  describeControl,
  isEnded,
  stepTopic,
  type WorkflowInstance,
} from '../../src/core/workflow.ts';
import { decideWorkflow, type WorkflowEffect, type WorkflowOperation } from '../../src/core/workflow-decide.ts';
import { createControl } from '../../src/core/workflow-draft.ts';
import type { TopicRef } from '../../src/ports/storage/tasks.ts';
import type {
  NewWorkflowInstance,
  StepReport,
  StepReportResult,
  WorkflowChange,
  WorkflowCommands,
} from '../../src/ports/storage/workflows.ts';
import type { MemoryInstance, MemoryState } from './memory-state.ts';
import type { MemoryTasks } from './memory-tasks.ts';

interface Commit {
  readonly nowMs: number;
  readonly topics: TopicRef[];
  readonly ended: string[];
}

/** The workflow commands of the port over plain maps. Nothing is decided here. */
export class MemoryWorkflows {
  readonly #state: MemoryState;
  readonly #tasks: MemoryTasks;

  constructor(state: MemoryState, tasks: MemoryTasks) {
    this.#state = state;
    this.#tasks = tasks;
  }

  find(space: string, id: string): MemoryInstance {
    const found = this.#state.instances.get(`${space}\n${id}`);
    if (found === undefined) throw new TackleError('not_found', `No steps found with instanceId: ${id}`);
    return found;
  }

  start(params: WorkflowCommands['workflow.start']['params']): WorkflowChange {
    const commit = openCommit(params.nowMs);
    const { step, state, delayMs } = params;
    return this.#toChange(commit, this.#create(commit, params.instance, { type: 'start', step, state, delayMs }));
  }

  #create(commit: Commit, given: NewWorkflowInstance, operation: WorkflowOperation): MemoryInstance {
    const { space, ...rest } = given;
    if (this.#state.instances.has(`${space}\n${given.id}`)) throw new TackleError('duplicate_id', given.id);
    const instance: WorkflowInstance = { ...rest, createdAtMs: commit.nowMs, control: createControl(commit.nowMs) };
    const empty: MemoryInstance = { space, instance, document: {}, history: [] };
    return this.#decide(commit, empty, operation)!;
  }

  apply(params: WorkflowCommands['workflow.apply']['params']): WorkflowChange {
    const commit = openCommit(params.nowMs);
    const stored = this.find(params.space, params.id);
    return this.#toChange(commit, this.#decide(commit, stored, params.operation) ?? stored);
  }

  steps(reports: readonly StepReport[], nowMs: number): readonly StepReportResult[] {
    return reports.map((report): StepReportResult => {
      if (!this.#tasks.holds(report.lease)) return { type: 'stale' };
      const stored = this.#state.instances.get(`${report.space}\n${report.id}`);
      const { outcome, branch, lease, startedAtMs } = report;
      const commit = openCommit(nowMs);
      const operation = {
        type: 'step',
        branch,
        ticket: lease.seq,
        attempt: lease.attempt,
        startedAtMs,
        outcome,
      } as const;
      const child = outcome.type === 'suspend' ? outcome.child : undefined;
      const applied = stored === undefined ? null : this.#decide(commit, stored, operation, child);
      this.#tasks.settle(lease, applied === null ? { type: 'done' } : report.settlement, nowMs);
      return applied === null ? { type: 'stale' } : { type: 'applied', ...this.#toChange(commit, applied) };
    });
  }

  send(params: WorkflowCommands['workflow.send']['params']): WorkflowCommands['workflow.send']['result'] {
    const { space, event, key, instanceId, payload, nowMs } = params;
    if (key === null && isEnded(this.find(space, instanceId ?? '').instance.control.status)) {
      throw new TackleError('conflict', 'ended');
    }
    const address = addressOf(event, key, instanceId ?? '');
    const commit = openCommit(nowMs);
    const waits = this.#state.waits.values().filter((wait) => wait.space === space && wait.address === address);
    for (const wait of waits.sort((a, b) => a.line - b.line)) {
      const { branch, visit } = wait;
      const applied = this.#decide(commit, this.find(space, wait.instanceId), {
        type: 'event',
        branch,
        visit,
        payload,
      });
      if (applied !== null) return { delivered: wait.instanceId, duplicate: false, topics: commit.topics };
      this.#state.waits.delete(`${wait.instanceId}\n${branch}`);
    }
    const n = this.#state.nextNumber();
    this.#state.events.set(String(n), { n, space, address, payload });
    return { delivered: null, duplicate: false, topics: commit.topics };
  }

  remember(params: WorkflowCommands['workflow.remember']['params']): null {
    this.#tasks.fence([params.lease]);
    this.#state.memory.set(`${params.id}\n${params.visit}\n${params.memo}`, params.value);
    return null;
  }

  memoryOf(id: string, visit: number): JsonObject {
    const prefix = `${id}\n${visit}\n`;
    const entries = this.#state.memory.entries().filter(([key]) => key.startsWith(prefix));
    return Object.fromEntries(entries.map(([key, value]) => [key.slice(prefix.length), value]));
  }

  #decide(
    commit: Commit,
    stored: MemoryInstance,
    operation: WorkflowOperation,
    child?: ChildStart,
  ): MemoryInstance | null {
    const { space } = stored;
    const { id } = stored.instance;
    const decision = decideWorkflow(stored.instance, operation, {
      nowMs: commit.nowMs,
      allocateTicket: () => this.#state.nextNumber(),
      takeEvent: (event, key) => {
        const address = addressOf(event, key, id);
        const [found] = this.#state.events
          .values()
          .filter((candidate) => candidate.space === space && candidate.address === address)
          .sort((a, b) => a.n - b.n);
        if (found !== undefined) this.#state.events.delete(String(found.n));
        return found ?? null;
      },
    });
    if (decision.stale) return null;
    const next: MemoryInstance = {
      space,
      instance: decision.instance,
      document: { ...stored.document, ...decision.patch, ...describeControl(decision.instance), _id: id },
      history: decision.record === null ? stored.history : [...stored.history, decision.record],
    };
    this.#state.instances.set(`${space}\n${id}`, next);
    for (const effect of decision.effects) this.#applyEffect(commit, next, effect, child);
    return this.#state.instances.get(`${space}\n${id}`)!;
  }

  #applyEffect(commit: Commit, stored: MemoryInstance, effect: WorkflowEffect, child?: ChildStart): void {
    const { space, instance } = stored;
    switch (effect.type) {
      case 'enqueue': {
        const { ticket, step, branch, visit, delayMs, timer } = effect;
        const payload = JSON.stringify({
          stepsName: instance.name,
          goto: step,
          instanceId: instance.id,
          branch,
          visit,
          timer,
        });
        const topic = stepTopic(instance, step);
        const runAt = delayMs > 0 ? { runAtMs: commit.nowMs + delayMs } : {};
        this.#tasks.enqueue([{ space, topic, payload, ...runAt }], commit.nowMs, ticket);
        commit.topics.push({ space, topic });
        break;
      }
      case 'drop':
        this.#tasks.dropTask(effect.ticket, commit.nowMs);
        break;
      case 'listen': {
        const { branch, visit, event, key } = effect;
        const address = addressOf(event, key, instance.id);
        const line = this.#state.nextNumber();
        this.#state.waits.set(`${instance.id}\n${branch}`, {
          space,
          instanceId: instance.id,
          branch,
          visit,
          address,
          line,
        });
        break;
      }
      case 'unlisten':
        this.#state.waits.delete(`${instance.id}\n${effect.branch}`);
        break;
      case 'remember':
        this.#state.memory.set(`${instance.id}\n${effect.visit}\n${effect.memo}`, effect.value);
        break;
      case 'start-child':
        this.#startChild(commit, stored, effect, child!);
        break;
      case 'cancel-child': {
        const found = this.#state.instances.get(`${space}\n${effect.childId}`);
        if (found !== undefined && !isEnded(found.instance.control.status)) {
          this.#decide(commit, found, { type: 'cancel', reason: 'parent' });
        }
        break;
      }
      case 'ended':
        this.#tellParent(commit, stored);
        break;
    }
  }

  #startChild(
    commit: Commit,
    { space, instance }: MemoryInstance,
    effect: Extract<WorkflowEffect, { type: 'start-child' }>,
    child: ChildStart,
  ): void {
    const { branch, visit, memo, childId } = effect;
    const given: NewWorkflowInstance = {
      space,
      id: childId,
      name: child.workflow,
      collection: child.collection,
      queuePrefix: child.queuePrefix,
      maxStepCount: child.maxStepCount,
      version: child.version,
      parent: { id: instance.id, branch, visit, memo },
    };
    this.#create(commit, given, { type: 'start', step: child.firstStep, state: child.input, delayMs: 0 });
  }

  #tellParent(commit: Commit, { space, instance, document }: MemoryInstance): void {
    commit.ended.push(instance.id);
    for (const [key, wait] of this.#state.waits.entries()) {
      if (wait.instanceId === instance.id) this.#state.waits.delete(key);
    }
    const parent = instance.parent === null ? undefined : this.#state.instances.get(`${space}\n${instance.parent.id}`);
    if (parent === undefined) return;
    const { branch, visit, memo } = instance.parent!;
    const result: Json = { instanceId: instance.id, status: instance.control.status, state: document };
    this.#decide(commit, parent, { type: 'child', branch, visit, memo, childId: instance.id, result });
  }

  #toChange(commit: Commit, stored: MemoryInstance): WorkflowChange {
    const { status } = stored.instance.control;
    return { status, document: JSON.stringify(stored.document), topics: commit.topics, ended: commit.ended };
  }
}

function openCommit(nowMs: number): Commit {
  return { nowMs, topics: [], ended: [] };
}

function addressOf(event: string, key: string | null, instanceId: string): string {
  return key === null ? `id:${instanceId}\n${event}` : `key:${event}\n${key}`;
}
