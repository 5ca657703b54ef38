// biome-ignore lint/suspicious/noExplicitAny: listeners take whatever the event carries
type Listener = (...values: any[]) => void;

/** The part of Node's EventEmitter that apps use on workflows, without Node. */
export class Emitter {
  readonly #listeners = new Map<string, { listener: Listener; once: boolean }[]>();

  on(event: string, listener: Listener): this {
    return this.#add(event, listener, false);
  }

  addListener(event: string, listener: Listener): this {
    return this.#add(event, listener, false);
  }

  once(event: string, listener: Listener): this {
    return this.#add(event, listener, true);
  }

  off(event: string, listener: Listener): this {
    const entries = this.#listeners.get(event) ?? [];
    const index = entries.findLastIndex((entry) => entry.listener === listener);
    if (index >= 0) entries.splice(index, 1);
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    return this.off(event, listener);
  }

  removeAllListeners(event?: string): this {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
    return this;
  }

  listenerCount(event: string): number {
    return this.#listeners.get(event)?.length ?? 0;
  }

  eventNames(): string[] {
    return [...this.#listeners.keys()].filter((event) => this.listenerCount(event) > 0);
  }

  /** A listener that throws is reported in the log and disturbs nobody; so is an `error` that nobody listens to. */
  emit(event: string, ...values: unknown[]): boolean {
    const entries = [...(this.#listeners.get(event) ?? [])];
    for (const { listener, once } of entries) {
      if (once) this.off(event, listener);
      try {
        listener(...values);
      } catch (error) {
        console.error(error);
      }
    }
    if (entries.length === 0 && event === 'error') console.error(...values);
    return entries.length > 0;
  }

  #add(event: string, listener: Listener, once: boolean): this {
    const entries = this.#listeners.get(event);
    if (entries === undefined) this.#listeners.set(event, [{ listener, once }]);
    else entries.push({ listener, once });
    return this;
  }
}
