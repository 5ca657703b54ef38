import type { JsonObject } from '../core/json.ts';
import { stepTopic } from '../core/workflow.ts';
import type { WorkflowDefinition } from '../core/workflow-definition.ts';
import type { TopicRef } from '../ports/storage/tasks.ts';
import type { Attachment, Queues } from '../queues/queues.ts';
import type { StepRunner } from './step-runner.ts';

const detachGraceMs = 60_000;
/** Of topics that no definition names: what happened in a step is in the history of its instance. */
const orphanSettings: JsonObject = { retentionMs: 0 };

/** The topics of the steps of each space, and which of them are served here. */
export class StepTopics {
  readonly #queues: Queues;
  readonly #runner: StepRunner;
  readonly #served = new Map<string, Map<string, Promise<Attachment>>>();

  constructor(queues: Queues, runner: StepRunner) {
    this.#queues = queues;
    this.#runner = runner;
  }

  /** Serves the steps of these definitions, with `orphans` also topics of other steps that have tasks, and no others. */
  async declare(
    space: string,
    definitions: readonly WorkflowDefinition[],
    { orphans }: { readonly orphans: boolean },
  ): Promise<void> {
    const served = this.#servedIn(space);
    const wanted = new Map<string, JsonObject>();
    for (const definition of definitions) {
      for (const step of definition.steps) wanted.set(stepTopic(definition, step), definition.stepSettings[step] ?? {});
    }
    for (const topic of orphans ? await this.#findOrphans(space, wanted) : []) {
      // A worker of the app may have the name of a topic of ours: then it is the original engine's.
      if (served.has(topic) || !this.#queues.hasHandler({ space, topic })) wanted.set(topic, orphanSettings);
    }
    await Promise.all([...wanted].map(([topic, settings]) => this.#serve({ space, topic }, settings)));
    for (const [topic, attachment] of served) {
      if (wanted.has(topic)) continue;
      served.delete(topic);
      void attachment.then((found) => found.detach(detachGraceMs));
    }
  }

  /** Leaves topics to workers of a deployment with the original library, whose engine names them alike. */
  async release(space: string, topicNames: readonly string[]): Promise<void> {
    const served = this.#servedIn(space);
    for (const name of topicNames) {
      const attachment = served.get(name);
      if (attachment === undefined) continue;
      served.delete(name);
      void (await attachment).detach(detachGraceMs);
    }
  }

  /** Of a space that is being removed; its handlers are detached by the queue. */
  forget(space: string): void {
    this.#served.delete(space);
  }

  /** Steps of older deployments have topics that no definition names; they are served as soon as they get a task. */
  async serveLate(topic: TopicRef): Promise<void> {
    if (!this.#queues.hasHandler(topic)) await this.#serve(topic, orphanSettings);
  }

  #servedIn(space: string): Map<string, Promise<Attachment>> {
    const known = this.#served.get(space);
    if (known !== undefined) return known;
    const served = new Map<string, Promise<Attachment>>();
    this.#served.set(space, served);
    return served;
  }

  async #serve(topic: TopicRef, declared: JsonObject): Promise<void> {
    const served = this.#servedIn(topic.space);
    const known = served.get(topic.topic);
    if (known !== undefined) return (await known).redeclare(declared);
    const attachment = this.#queues.attach({
      ...topic,
      declared,
      handler: async (tasks, context) => Promise.all(tasks.map((task) => this.#runner.run(task, context))),
    });
    served.set(topic.topic, attachment);
    attachment.catch(() => served.delete(topic.topic));
    await attachment;
  }

  /** Topics with tasks for steps that the deployment no longer has: their runner parks the instances. */
  async #findOrphans(space: string, wanted: ReadonlyMap<string, JsonObject>): Promise<string[]> {
    const { storage } = this.#queues;
    const report = await storage.read({ kind: 'workflow.report', space });
    const orphans: string[] = [];
    for (const name of new Set(report.map((row) => row.name))) {
      const [instance] = await storage.read({ kind: 'workflow.list', space, name, limit: 1 });
      if (instance === undefined) continue;
      const prefix = stepTopic(instance, '');
      const busy = await storage.read({ kind: 'topic.busy', space, prefix });
      orphans.push(...busy.filter((topic) => !wanted.has(topic)));
    }
    return orphans;
  }
}
