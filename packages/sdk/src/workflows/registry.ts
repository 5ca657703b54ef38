import { runStep, type StepInput } from './run-step.ts';
import type { StepDefinitions, WorkflowOptions } from './types.ts';
import { Workflow } from './workflow.ts';

type Store = ConstructorParameters<typeof Workflow>[4];

/** The workflows of an app: what they declare to the platform, and what the platform may call. */
export class WorkflowRegistry {
  readonly #workflows = new Map<string, Workflow>();

  create(
    name: string,
    description: string,
    steps: StepDefinitions,
    options: WorkflowOptions | undefined,
    store: Store,
  ): Workflow {
    if (typeof name !== 'string' || name.trim() === '') throw new Error('A workflow needs a name');
    if (typeof description !== 'string' || description.trim() === '') {
      throw new Error(`The workflow "${name}" needs a description`);
    }
    for (const [step, fn] of Object.entries(steps)) {
      if (typeof fn !== 'function') throw new Error(`The step "${step}" of the workflow "${name}" is not a function`);
    }
    const workflow = new Workflow(name, description, steps, options ?? {}, store);
    this.#workflows.set(name, workflow);
    return workflow;
  }

  find(name: string): Workflow | null {
    return this.#workflows.get(name) ?? null;
  }

  /** For the manifest. */
  describe(): object[] {
    return [...this.#workflows.values()].map((workflow) => workflow.describe());
  }

  /** Called by the platform: `name` is `workflow/step`. */
  readonly runStep = async (name: string, input: StepInput): Promise<object> => {
    const separator = name.indexOf('/');
    const workflow = this.#workflows.get(name.slice(0, separator));
    const step = name.slice(separator + 1);
    const fn = workflow?.steps[step];
    if (workflow === undefined || fn === undefined) {
      return { type: 'failed', message: `No step function found for ${name}`, retryable: false };
    }
    const told = { workflowName: workflow.name, step, instanceId: input.instanceId };
    workflow.emit('stepStarted', { ...told, state: input.state });
    const answer = await runStep(fn, input);
    if (answer.type === 'failed') workflow.emit('error', new Error(answer.message));
    if (answer.type === 'goto' || answer.type === 'wait') {
      workflow.emit('stateUpdated', { ...told, state: { ...input.state, ...answer.patch } });
    }
    if (answer.type === 'goto' && answer.next !== null) workflow.emit('stepEnqueued', { ...told, step: answer.next });
    return answer;
  };

  /** Called by the platform when something happened to an instance outside of its steps. */
  readonly tell = (name: string, input: { readonly event: string; readonly data: unknown }): null => {
    this.#workflows.get(name)?.emit(input.event, input.data);
    return null;
  };
}
