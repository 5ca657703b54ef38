import { TackleError } from '../../core/errors.ts';
import type { Command, WriterLane } from '../../ports/storage.ts';
import type { CommitRequest } from './thread-messages.ts';

export interface QueueLimits {
  /** Commits that may wait in a lane. */
  readonly commits: number;
  /** Bytes (roughly) that may wait in a lane. */
  readonly bytes: number;
}

interface WaitingCommit extends CommitRequest {
  readonly bytes: number;
}

interface Lane {
  readonly waiting: WaitingCommit[];
  /** Index of the first that still waits; the array is cut now and then. */
  head: number;
  bytes: number;
}

const batchBytes = 1024 * 1024;

/**
 * Commits that wait for the writer. Spaces take turns, one commit each, in the order in which they began to wait; half of a
 * batch is kept for the system lane as long as it has something. A full lane refuses its own commits and nobody else's.
 */
export class CommitQueue {
  readonly #spaceLimits: QueueLimits;
  readonly #systemLimits: QueueLimits;
  readonly #system: Lane = { waiting: [], head: 0, bytes: 0 };
  readonly #spaces = new Map<string, Lane>();

  constructor(limits: { space: QueueLimits; system: QueueLimits }) {
    this.#spaceLimits = limits.space;
    this.#systemLimits = limits.system;
  }

  /** Throws `overloaded` when the lane is full. */
  add(lane: WriterLane, request: CommitRequest): void {
    const bytes = estimateBytes(request.commands);
    if (lane.lane === 'system') {
      push(this.#system, this.#systemLimits, { ...request, bytes }, 'the system');
      return;
    }
    let queue = this.#spaces.get(lane.space);
    if (queue === undefined) {
      queue = { waiting: [], head: 0, bytes: 0 };
      this.#spaces.set(lane.space, queue);
    }
    push(queue, this.#spaceLimits, { ...request, bytes }, `space "${lane.space}"`);
  }

  get isEmpty(): boolean {
    return this.#spaces.size === 0 && isEmpty(this.#system);
  }

  /** At most `limit` commits. */
  takeBatch(limit: number): CommitRequest[] {
    const batch: CommitRequest[] = [];
    let bytes = 0;
    const hasRoom = (): boolean => batch.length < limit && bytes < batchBytes;
    const take = (lane: Lane): void => {
      const { id, commands, bytes: size } = shift(lane);
      batch.push({ id, commands });
      bytes += size;
    };
    while (!isEmpty(this.#system) && batch.length < limit / 2 && bytes < batchBytes / 2) take(this.#system);
    while (hasRoom() && this.#spaces.size > 0) {
      const [entry] = this.#spaces;
      const [space, lane] = entry!;
      take(lane);
      // Behind the others; gone when nothing waits any more.
      this.#spaces.delete(space);
      if (!isEmpty(lane)) this.#spaces.set(space, lane);
    }
    while (hasRoom() && !isEmpty(this.#system)) take(this.#system);
    return batch;
  }

  /** Everything that waits, to be rejected. */
  takeAll(): CommitRequest[] {
    const all: CommitRequest[] = [];
    while (!this.isEmpty) all.push(...this.takeBatch(1_000));
    return all;
  }
}

function push(lane: Lane, limits: QueueLimits, commit: WaitingCommit, name: string): void {
  const waiting = lane.waiting.length - lane.head;
  if (waiting >= limits.commits || (waiting > 0 && lane.bytes + commit.bytes > limits.bytes)) {
    throw new TackleError('overloaded', `Too many writes of ${name} are waiting (${waiting}). Try again later.`);
  }
  lane.waiting.push(commit);
  lane.bytes += commit.bytes;
}

function shift(lane: Lane): WaitingCommit {
  const commit = lane.waiting[lane.head]!;
  lane.head += 1;
  lane.bytes -= commit.bytes;
  if (lane.head === lane.waiting.length) {
    lane.waiting.length = 0;
    lane.head = 0;
  } else if (lane.head > 1_024) {
    lane.waiting.splice(0, lane.head);
    lane.head = 0;
  }
  return commit;
}

function isEmpty(lane: Lane): boolean {
  return lane.head >= lane.waiting.length;
}

/** Texts of a command and of the rows in its lists, as far as one level down: bodies and values are what is large. */
function estimateBytes(commands: readonly Command[]): number {
  let bytes = 0;
  for (const command of commands) {
    bytes += 200;
    for (const value of Object.values(command)) {
      if (typeof value === 'string') bytes += value.length;
      else if (Array.isArray(value)) bytes += estimateRows(value);
    }
  }
  return bytes;
}

function estimateRows(rows: readonly unknown[]): number {
  let bytes = rows.length * 50;
  for (const row of rows) {
    if (typeof row !== 'object' || row === null) continue;
    for (const value of Object.values(row)) if (typeof value === 'string') bytes += value.length;
  }
  return bytes;
}
