import { randomInt } from 'node:crypto';
import { ObjectIds } from '../core/object-id.ts';
import type { Command, Storage } from '../ports/storage.ts';
import type { SpaceDocuments } from './space-documents.ts';
import { StoredDocuments } from './stored-documents.ts';
import { noOrder, type OperationOrder } from './write-order.ts';

export interface SpaceOptions {
  /** Preconditions, such as the fence of a task: they stand in front of every commit and reject it when they fail. */
  readonly guards?: readonly Command[];
  /**
   * Operations that share an order are committed in the order of the calls, and read what was written before. One per
   * invocation; without it every operation stands for itself.
   */
  readonly order?: OperationOrder;
}

export interface Documents {
  /** Cheap: make one for each invocation. */
  forSpace(space: string, options?: SpaceOptions): SpaceDocuments;
  /** Drops all collections of a space that is being removed. */
  removeSpace(space: string): Promise<void>;
}

export function createDocuments(storage: Storage, options: { now?: () => number } = {}): Documents {
  const now = options.now ?? Date.now;
  const ids = new ObjectIds(randomInt(2 ** 30));
  const shared = { storage, now, createId: () => ids.create(now()), upserts: new Map<string, Promise<unknown>>() };
  return {
    forSpace: (space, { guards = [], order } = {}) =>
      new StoredDocuments({ ...shared, space, guards, order: order ?? noOrder }),
    async removeSpace(space) {
      await storage.commit([{ kind: 'space.drop', space }], { lane: { lane: 'system' } });
    },
  };
}
