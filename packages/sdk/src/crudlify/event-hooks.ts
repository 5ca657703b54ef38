import type { Untyped } from '../types.ts';

type Hook = (data: Untyped) => unknown;

/**
 * Functions that CRUD requests run before or after they change a collection. A `before` hook may change the document, or
 * throw to prevent the request; for DELETE it gets the `_id`. Registering again replaces.
 */
export class EventHooks {
  listeners: Record<string, Hook> = {};

  async fireBefore(collection: string, verb: string, data: unknown): Promise<void> {
    await this.listeners[`${collection} before${verb}`]?.(data);
  }

  async fireAfter(collection: string, verb: string, data: unknown): Promise<void> {
    await this.listeners[`${collection} after${verb}`]?.(data);
  }

  #on(event: string, collection: string, hook: Hook): this {
    this.listeners[`${collection} ${event}`] = hook;
    return this;
  }

  beforePOST(collection: string, hook: Hook): this {
    return this.#on('beforePOST', collection, hook);
  }

  afterPOST(collection: string, hook: Hook): this {
    return this.#on('afterPOST', collection, hook);
  }

  beforePUT(collection: string, hook: Hook): this {
    return this.#on('beforePUT', collection, hook);
  }

  afterPUT(collection: string, hook: Hook): this {
    return this.#on('afterPUT', collection, hook);
  }

  beforePATCH(collection: string, hook: Hook): this {
    return this.#on('beforePATCH', collection, hook);
  }

  afterPATCH(collection: string, hook: Hook): this {
    return this.#on('afterPATCH', collection, hook);
  }

  beforeDELETE(collection: string, hook: Hook): this {
    return this.#on('beforeDELETE', collection, hook);
  }

  afterDELETE(collection: string, hook: Hook): this {
    return this.#on('afterDELETE', collection, hook);
  }
}
