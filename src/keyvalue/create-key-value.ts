import { TackleError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import type { KeyRange, KeyRef } from '../ports/storage/keyvalue.ts';
import type { Command, CommandResult, Storage } from '../ports/storage.ts';
import type { JsonText, KeyValueListOptions, KeyValueOptions, KeyValuePage, SpaceKeyValue } from './space-key-value.ts';

/** What orders the operations of one invocation; `WriteOrder` of the documents is one, and can be shared with them. */
export interface OperationOrder {
  write<Result>(issue: () => Promise<Result>): Promise<Result>;
  compound<Result>(work: () => Promise<Result>): Promise<Result>;
  read<Result>(work: () => Promise<Result>): Promise<Result>;
}

export interface KeyValueSpaceOptions {
  /** Preconditions, such as the fence of a task: they stand in front of every commit and reject it when they fail. */
  readonly guards?: readonly Command[];
  readonly order?: OperationOrder;
}

export interface KeyValue {
  /** Cheap: make one for each invocation. */
  forSpace(space: string, options?: KeyValueSpaceOptions): SpaceKeyValue;
  /** Removes all keys of a space that is being removed. */
  removeSpace(space: string): Promise<void>;
}

const maxKeyLength = 1_024;
const keysPerPage = 500;
const keysPerRemoval = 1_000;
const noOrder: OperationOrder = { write: (issue) => issue(), compound: (work) => work(), read: (work) => work() };

export function createKeyValue(storage: Storage, options: { now?: () => number } = {}): KeyValue {
  const now = options.now ?? Date.now;
  return {
    forSpace: (space, { guards = [], order = noOrder } = {}) =>
      new StoredKeyValue({ storage, now, space, guards, order }),
    async removeSpace(space) {
      for (let removed = keysPerRemoval; removed === keysPerRemoval; ) {
        const [result] = await storage.commit([{ kind: 'keyvalue.removeSpace', space, limit: keysPerRemoval }], {
          lane: { lane: 'system' },
        });
        removed = result.removed;
      }
    },
  };
}

interface KeyValueContext {
  readonly storage: Storage;
  readonly now: () => number;
  readonly space: string;
  readonly guards: readonly Command[];
  readonly order: OperationOrder;
}

class StoredKeyValue implements SpaceKeyValue {
  readonly #context: KeyValueContext;

  constructor(context: KeyValueContext) {
    this.#context = context;
  }

  async set(key: string, value: Json, options: KeyValueOptions = {}): Promise<JsonText> {
    const ref = this.#ref(key, options);
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TackleError('invalid_request', `The value of "${key}" is not JSON`);
    const expiresAtMs = this.#expiry(options);
    await this.#commit({ kind: 'keyvalue.set', ...ref, value: text, expiresAtMs: expiresAtMs ?? null });
    return text;
  }

  async get(key: string, options: KeyValueOptions = {}): Promise<JsonText | null> {
    const ref = this.#ref(key, options);
    const { storage, order } = this.#context;
    return order.read(() => storage.read({ kind: 'keyvalue.get', ...ref }));
  }

  async increment(key: string, by: number, options: KeyValueOptions = {}): Promise<number> {
    if (typeof by !== 'number' || !Number.isFinite(by)) {
      throw new TackleError('invalid_request', `"${key}" can be incremented by a finite number only`);
    }
    const ref = this.#ref(key, options);
    const expiresAtMs = this.#expiry(options);
    const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
    const { value } = await this.#commit({ kind: 'keyvalue.increment', ...ref, by, ...expiry });
    return value;
  }

  async decrement(key: string, by: number, options: KeyValueOptions = {}): Promise<number> {
    return this.increment(key, -by, options);
  }

  async list(pattern: string, options: KeyValueListOptions = {}, next?: string | null): Promise<KeyValuePage> {
    const range = this.#range(pattern, options);
    const { storage, order } = this.#context;
    const after = next === undefined || next === null ? null : decodeToken(next);
    const page = await order.read(() =>
      storage.read({
        kind: 'keyvalue.list',
        ...range,
        limit: keysPerPage,
        reverse: options.reverse === true,
        onlyKeys: options.onlykeys === true,
        ...(after === null ? {} : { after }),
      }),
    );
    const texts = page.entries.map(({ key, value }) =>
      options.onlykeys === true ? JSON.stringify({ key }) : `{"key":${JSON.stringify(key)},"val":${value}}`,
    );
    const token = page.next === null ? null : encodeToken(page.next);
    return { json: `[${texts.join(',')}]`, count: texts.length, next: token };
  }

  async *pages(pattern: string, options: KeyValueListOptions = {}): AsyncIterable<KeyValuePage> {
    let next: string | null = null;
    do {
      const page: KeyValuePage = await this.list(pattern, options, next);
      yield page;
      next = page.next;
    } while (next !== null);
  }

  async remove(key: string, options: KeyValueOptions = {}): Promise<JsonText | null> {
    const { previous } = await this.#commit({ kind: 'keyvalue.remove', ...this.#ref(key, options) });
    return previous;
  }

  async removeAll(pattern: string, options: KeyValueOptions = {}): Promise<number> {
    const range = this.#range(pattern, options);
    return this.#context.order.compound(async () => {
      let total = 0;
      for (;;) {
        const { removed } = await this.#commitNow({ kind: 'keyvalue.removePrefix', ...range, limit: keysPerRemoval });
        total += removed;
        if (removed < keysPerRemoval) return total;
      }
    });
  }

  #commit<const Kind extends KeyValueCommand['kind']>(
    command: Extract<KeyValueCommand, { kind: Kind }>,
  ): Promise<KeyValueResult<Kind>> {
    return this.#context.order.write(() => this.#commitNow(command));
  }

  async #commitNow<const Kind extends KeyValueCommand['kind']>(
    command: Extract<KeyValueCommand, { kind: Kind }>,
  ): Promise<KeyValueResult<Kind>> {
    const { storage, guards, space } = this.#context;
    const commands = [...guards, command];
    const results = (await storage.commit(commands as never, { lane: { lane: 'space', space } })) as readonly unknown[];
    return results.at(-1) as KeyValueResult<Kind>;
  }

  #ref(key: string, { keyspace }: KeyValueOptions): KeyRef {
    return { space: this.#context.space, keyspace: readKeyspace(keyspace), key: requireKey(key, 'A key') };
  }

  #range(pattern: string, { keyspace }: KeyValueListOptions): KeyRange {
    const prefix = typeof pattern === 'string' && pattern.endsWith('*') ? pattern.slice(0, -1) : pattern;
    if (prefix !== '') requireKey(prefix, 'A pattern');
    return { space: this.#context.space, keyspace: readKeyspace(keyspace), prefix };
  }

  #expiry({ ttl }: KeyValueOptions): number | undefined {
    if (ttl === undefined || ttl === null) return undefined;
    if (typeof ttl === 'number' && Number.isFinite(ttl) && ttl > 0) return this.#context.now() + Math.ceil(ttl);
    throw new TackleError('invalid_request', 'ttl must be a number of milliseconds greater than 0');
  }
}

type KeyValueCommand = Extract<Command, { kind: `keyvalue.${string}` }>;
type KeyValueResult<Kind extends KeyValueCommand['kind']> = CommandResult<Kind>;

/** The default keyspace is the empty name, which no named one can have. */
function readKeyspace(keyspace: string | undefined): string {
  return keyspace === undefined || keyspace === null ? '' : requireKey(keyspace, 'A keyspace');
}

function requireKey(key: unknown, what: string): string {
  const isPlain = typeof key === 'string' && !key.includes('\0') && key.isWellFormed();
  if (isPlain && key !== '' && key.length <= maxKeyLength) return key;
  throw new TackleError(
    'invalid_name',
    `${what} must be a text of 1 to ${maxKeyLength} characters without U+0000, not ${JSON.stringify(key)?.slice(0, 100)}`,
  );
}

function encodeToken(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function decodeToken(token: string): string {
  return Buffer.from(token, 'base64url').toString();
}
