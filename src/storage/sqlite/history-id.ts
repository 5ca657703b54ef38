import { TackleError } from '../../core/errors.ts';

/** An instance has at most so many entries less one; with 2^29 instances the ids are still exact numbers. */
export const historyIdsPerInstance = 2 ** 24;

/** The rowid of an entry: entries of an instance lie together, in their order. Numbers begin with 1. */
export function toHistoryId(instanceN: number, number: number): number {
  if (number < historyIdsPerInstance) return instanceN * historyIdsPerInstance + number;
  throw new TackleError('conflict', `The history of a workflow instance holds ${historyIdsPerInstance - 1} steps.`);
}

/** Where the entries of an instance lie: from `first`, before `end`. */
export function historyRange(instanceN: number): { readonly first: number; readonly end: number } {
  return { first: instanceN * historyIdsPerInstance, end: (instanceN + 1) * historyIdsPerInstance };
}

export function toHistoryNumber(id: number): number {
  return id % historyIdsPerInstance;
}
