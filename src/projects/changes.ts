import type { Json } from '../core/json.ts';
import type { Storage } from '../ports/storage.ts';
import type { StoredAuditTrail } from './audit.ts';
import type { MemoryDirectory } from './directory.ts';
import { DIRECTORY_TYPES, type DirectoryType } from './stored.ts';
import type { AuditEntry, DirectoryChange } from './types.ts';

export interface RecordChange {
  readonly type: DirectoryType | 'purge';
  readonly key: string;
  /** Null removes the record. */
  readonly value: Json | null;
  readonly expect: 'any' | 'absent' | number;
}

export interface Change<Result> {
  readonly records: readonly RecordChange[];
  readonly audit: Omit<AuditEntry, 'id' | 'time'> | null;
  readonly notify: DirectoryChange | null;
  /** Read after the directory shows the change. */
  result(): Result;
}

type RecordCommandKind = 'record.put' | 'record.remove';
const PAGE_SIZE = 1000;

/**
 * Runs changes one after another: decide from the directory, commit with the audit entry, show in the directory, tell
 * the listeners. What is decided from the directory therefore still holds when it is committed; other gateways on the
 * same database are excluded by `expect`.
 */
export class Changes {
  readonly #storage: Storage;
  readonly #directory: MemoryDirectory;
  readonly #audit: StoredAuditTrail;
  readonly #listeners = new Set<(change: DirectoryChange) => void>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(storage: Storage, directory: MemoryDirectory, audit: StoredAuditTrail) {
    this.#storage = storage;
    this.#directory = directory;
    this.#audit = audit;
  }

  run<Result>(decide: () => Change<Result>): Promise<Result> {
    const done = this.#last.then(() => this.#runNow(decide()));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Resolves when everything that was started is committed. */
  async settled(): Promise<void> {
    await this.#last;
  }

  onChange(listener: (change: DirectoryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async load(): Promise<void> {
    for (const type of DIRECTORY_TYPES) {
      let after: string | undefined;
      for (;;) {
        const page = await this.#storage.read({
          kind: 'record.list',
          type,
          prefix: '',
          limit: PAGE_SIZE,
          ...(after === undefined ? {} : { after }),
        });
        for (const record of page) this.#directory.apply(type, record.key, record.value, record.revision);
        if (page.length < PAGE_SIZE) break;
        after = page.at(-1)!.key;
      }
    }
  }

  async #runNow<Result>(change: Change<Result>): Promise<Result> {
    const commands = change.records.map(toCommand);
    const audit = change.audit === null ? [] : [this.#audit.toCommand(change.audit)];
    const results = await this.#storage.commit<RecordCommandKind[]>([...commands, ...audit], {
      lane: { lane: 'system' },
    });
    for (const [index, { type, key, value }] of change.records.entries()) {
      if (type === 'purge') continue;
      const result = results[index]!;
      this.#directory.apply(type, key, value, 'revision' in result ? result.revision : 0);
    }
    if (change.notify !== null) for (const listener of this.#listeners) listener(change.notify);
    return change.result();
  }
}

function toCommand({ type, key, value, expect }: RecordChange) {
  if (value !== null) return { kind: 'record.put', type, key, value, expect } as const;
  return typeof expect === 'number'
    ? ({ kind: 'record.remove', type, key, expect } as const)
    : ({ kind: 'record.remove', type, key } as const);
}
