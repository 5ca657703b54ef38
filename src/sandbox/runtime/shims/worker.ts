/**
 * `Worker` with a cap. Workers inherit the permissions of the process, which has none, and have no way outside: this only
 * keeps an honest app from taking all cores. What goes round it meets the limits on threads and memory.
 */
export function createWorkerClass(maxWorkers: number): unknown {
  interface WorkerLike {
    terminate(): void;
  }
  const NativeWorker = (globalThis as unknown as { Worker: new (url: string | URL, options?: object) => WorkerLike })
    .Worker;
  let running = 0;
  return class Worker extends NativeWorker {
    #counted = true;

    constructor(url: string | URL, options?: object) {
      if (running >= maxWorkers) throw new Error(`An app may have ${maxWorkers} workers at the same time`);
      // Permissions are not for it to choose, and asking for them ends the process.
      super(url, { ...options, deno: undefined });
      running++;
    }

    override terminate(): void {
      if (this.#counted) running--;
      this.#counted = false;
      super.terminate();
    }
  };
}
