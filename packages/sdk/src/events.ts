import type { Handler, Untyped } from './types.ts';
import { callPlatform } from './workflows/platform-calls.ts';

/** Something that happened in an agent's life, or that an app published. */
export interface AppEvent {
  readonly id: string;
  /** `family:action`, for example `message:received`. */
  readonly key: string;
  readonly type: string;
  readonly action: string;
  readonly sessionKey: string;
  /** ISO. */
  readonly time: string;
  /** Who said so: `gateway`, `api`, or `app/<project>/<space>`. */
  readonly source: string;
  readonly data: Untyped;
}

export type AppEventHandler = (event: AppEvent) => unknown;

/** The topic whose tasks carry events to the app. */
const topic = '_events';

interface EventTask {
  readonly subscription: string;
  readonly event: AppEvent;
}

/** What `events.on` registered, by a name that stays the same from deploy to deploy while the order of calls does. */
export class EventSubscriptions {
  readonly #handlers = new Map<string, AppEventHandler>();
  readonly #addTopic: (topic: string, handler: Handler) => void;

  constructor(addTopic: (topic: string, handler: Handler) => void) {
    this.#addTopic = addTopic;
  }

  add(key: string, handler: AppEventHandler): void {
    if (!/^[^:\s]+(:\S+)?$/.test(key)) {
      throw new Error(`"${key}" is not an event: write family:action, such as message:received, or a whole family`);
    }
    if (this.#handlers.size === 0) this.#addTopic(topic, this.#run);
    let ordinal = 0;
    while (this.#handlers.has(`${key}#${ordinal}`)) ordinal += 1;
    this.#handlers.set(`${key}#${ordinal}`, handler);
  }

  describe(): string[] {
    return [...this.#handlers.keys()];
  }

  #run: Handler = async (request, response) => {
    const { subscription, event } = request.body.payload as EventTask;
    const handler = this.#handlers.get(subscription);
    // A later version may listen to less; what was stored for an earlier one has nobody to go to.
    if (handler === undefined) console.warn(`Nobody listens to ${subscription} any more; event ${event.id} is dropped`);
    else await handler(event);
    response.end();
  };
}

export interface PublishOptions {
  /** The conversation that it belongs to; events of one session are handled in order. Default: the key. */
  readonly sessionKey?: string;
  /** An event with a key that was published before is not published again. */
  readonly dedupeKey?: string;
}

/** Stores the event and hands it to hooks and apps that listen. Resolves when it is stored. */
export function publishEvent(key: string, data: Untyped = {}, options: PublishOptions = {}): Promise<{ id: string }> {
  return callPlatform('events.publish', { key, data, ...options });
}
