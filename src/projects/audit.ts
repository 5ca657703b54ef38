import { TackleError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Storage } from '../ports/storage.ts';
import { randomHex } from './names.ts';
import { toJson } from './stored.ts';
import type { Actor, AuditEntry, AuditTrail } from './types.ts';

const TYPE = 'audit';
const PAGE_SIZE = 500;
const DAY_MS = 86_400_000;
const SYSTEM_LANE = { lane: { lane: 'system' } } as const;

interface StoredAuditEntry {
  readonly time: number;
  readonly actor: Actor;
  readonly action: string;
  readonly target: string;
  readonly details: JsonObject;
}

/** Audit entries as records whose keys begin with the day, so that a whole day can be removed by its prefix. */
export class StoredAuditTrail implements AuditTrail {
  readonly #storage: Storage;
  readonly #now: () => number;
  readonly #retentionMs: number;
  #lastSequence = 0;

  constructor(storage: Storage, now: () => number, retentionMs: number) {
    this.#storage = storage;
    this.#now = now;
    this.#retentionMs = retentionMs;
  }

  async append(entry: Omit<AuditEntry, 'id' | 'time'>): Promise<void> {
    await this.#storage.commit([this.toCommand(entry)], SYSTEM_LANE);
  }

  /** The command that writes the entry, to be put into the commit of the action itself. */
  toCommand(entry: Omit<AuditEntry, 'id' | 'time'>) {
    const time = this.#now();
    const value: StoredAuditEntry = { time, ...entry };
    return {
      kind: 'record.put',
      type: TYPE,
      key: this.#createKey(time),
      value: toJson(value),
      expect: 'absent',
    } as const;
  }

  async list({ limit, before }: { limit: number; before?: string }): Promise<readonly AuditEntry[]> {
    if (before !== undefined && !/^\d{4}-\d\d-\d\d\/\d{15}-\d{6}-[0-9a-f]{8}$/.test(before)) {
      throw new TackleError('invalid_request', '"before" must be the id of an audit entry');
    }
    const records = await this.#storage.read({
      kind: 'record.list',
      type: TYPE,
      prefix: '',
      limit,
      reverse: true,
      ...(before === undefined ? {} : { after: before }),
    });
    return records.map(({ key, value }) => ({ id: key, ...(value as Json as unknown as StoredAuditEntry) }));
  }

  /** Removes the days that lie wholly before the retention, in chunks. */
  async removeExpired(): Promise<void> {
    const firstKeptDay = dayOf(this.#now() - this.#retentionMs);
    for (;;) {
      const [oldest] = await this.#storage.read({ kind: 'record.list', type: TYPE, prefix: '', limit: 1 });
      const day = oldest?.key.slice(0, firstKeptDay.length);
      if (day === undefined || day >= firstKeptDay) return;
      await this.#storage.commit(
        [{ kind: 'record.removePrefix', type: TYPE, prefix: `${day}/`, limit: PAGE_SIZE }],
        SYSTEM_LANE,
      );
    }
  }

  /** Sorts by time, then by order of writing in this process. */
  #createKey(time: number): string {
    this.#lastSequence = (this.#lastSequence + 1) % 1_000_000;
    const sequence = String(this.#lastSequence).padStart(6, '0');
    return `${dayOf(time)}/${String(time).padStart(15, '0')}-${sequence}-${randomHex(4)}`;
  }
}

function dayOf(time: number): string {
  return new Date(Math.max(0, Math.floor(time / DAY_MS) * DAY_MS)).toISOString().slice(0, 10);
}
