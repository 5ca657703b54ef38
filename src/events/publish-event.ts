import { randomUUID } from 'node:crypto';
import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { eventTopic } from '../core/task-topic.ts';
import type { AppManifest } from '../ports/sandbox.ts';
import type { NewTask } from '../ports/storage/tasks.ts';

/** An event on its way to everybody who listens. */
export interface EventInput {
  /** `family:action`. */
  readonly key: string;
  readonly sessionKey: string;
  readonly data: JsonObject;
  /** `gateway`, `api`, or `app/<project>/<space>`. */
  readonly source: string;
  readonly dedupeKey?: string;
  /** How many events led to this one. */
  readonly hops: number;
}

export interface AppEventsOptions {
  listApps(): readonly { readonly deployment: { readonly spaceId: string }; readonly manifest: AppManifest }[];
  enqueue(tasks: readonly NewTask[]): Promise<unknown>;
  readonly clock: { now(): number };
}

/** Apps that answer events with events end here instead of going round for ever. */
const maxHops = 16;
const maxDataBytes = 1024 * 1024;

/** Events for the code of apps: one durable task for each subscription (`events.on` of the SDK). */
export class AppEvents {
  readonly #options: AppEventsOptions;

  constructor(options: AppEventsOptions) {
    this.#options = options;
  }

  /**
   * Stores the event for every subscription in every app; resolves with its id when all are on disk. An app whose queue
   * takes nothing now keeps it from no other: rejects once all were tried.
   */
  async deliver(input: EventInput): Promise<{ readonly id: string; readonly subscriptions: number }> {
    const { type, action } = parseEventKey(input.key);
    if (!Number.isSafeInteger(input.hops) || input.hops < 0) {
      throw new TackleError('invalid_request', `${input.key}: "hops" must be an integer from 0.`);
    }
    if (input.hops > maxHops) {
      throw new TackleError(
        'invalid_request',
        `${input.key}: more than ${maxHops} events led to this one; it is a loop.`,
      );
    }
    const id = randomUUID();
    const time = new Date(this.#options.clock.now()).toISOString();
    const { key, sessionKey, source, data, hops } = input;
    const event = { id, key, type, action, sessionKey, time, source, data: data as Json };
    if (Buffer.byteLength(JSON.stringify(event)) > maxDataBytes) {
      throw new TackleError('payload_too_large', `${key}: an event may have at most ${maxDataBytes} bytes.`);
    }
    let subscriptions = 0;
    const failures: unknown[] = [];
    for (const { deployment, manifest } of this.#options.listApps()) {
      const tasks = readSubscriptions(manifest)
        .filter((subscription) => hears(subscription, type, key))
        .map((subscription) => ({
          space: deployment.spaceId,
          topic: eventTopic,
          key: sessionKey,
          payload: JSON.stringify({ subscription, event, hops }),
          ...(input.dedupeKey === undefined ? {} : { dedupeKey: `${subscription}/${input.dedupeKey}` }),
        }));
      if (tasks.length === 0) continue;
      try {
        await this.#options.enqueue(tasks);
        subscriptions += tasks.length;
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return { id, subscriptions };
  }
}

/** Throws `invalid_request`. */
export function parseEventKey(key: string): { readonly type: string; readonly action: string } {
  const [type = '', action = ''] = key.split(/:(.*)/s);
  if (type !== '' && action !== '') return { type, action };
  throw new TackleError('invalid_request', `"${key}" is not an event; write family:action, such as command:new`);
}

/** From the manifest, which comes out of the sandbox: `key#ordinal`. */
function readSubscriptions(manifest: AppManifest): string[] {
  const { events } = manifest.extensions;
  return Array.isArray(events) ? events.filter((entry) => typeof entry === 'string') : [];
}

function hears(subscription: string, type: string, key: string): boolean {
  const wanted = subscription.slice(0, subscription.lastIndexOf('#'));
  return wanted === key || wanted === type;
}
