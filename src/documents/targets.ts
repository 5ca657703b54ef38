import { TackleError } from '../core/errors.ts';
import { compareCodePoints } from '../core/query/code-points.ts';
import { type Filter, getFilterId, hasPattern } from '../core/query/filter.ts';
import type { CollectionRef, DocumentTarget } from '../ports/storage/documents.ts';
import type { Storage } from '../ports/storage.ts';

/** What a write command is told about its documents: the writer checks the filter again, or the revision. */
export interface TargetSelection {
  readonly targets: readonly DocumentTarget[];
  readonly filter?: Filter;
}

interface TargetedOutcome {
  readonly count: number;
  readonly processed: number;
  readonly stale: readonly string[];
}

const firstCandidates = 8;
const furtherCandidates = 64;
const attempts = 50;
const idsPerChunk = 1_000;
const staleAttempts = 10;

/**
 * The selection for a filter that fixes `_id`, for which nothing has to be read first; else null. A regular expression is
 * never run by the writer, so such a filter is resolved by reading.
 */
export function selectById(filter: Filter): (TargetSelection & { readonly id: string }) | null {
  const id = getFilterId(filter);
  if (id === null || hasPattern(filter)) return null;
  const isIdOnly = filter.kind === 'field' && filter.predicates.length === 1;
  return { id, targets: [{ id }], ...(isIdOnly ? {} : { filter }) };
}

/**
 * Runs a write on the first document (in `_id` order) that matches: candidates come from a reader and are checked again by
 * the writer. When others were faster with all of them, new candidates are read. Null when nothing matches.
 */
export async function writeFirst<Outcome extends TargetedOutcome>(
  storage: Storage,
  ref: CollectionRef,
  filter: Filter,
  write: (selection: TargetSelection) => Promise<Outcome>,
): Promise<Outcome | null> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const limit = attempt === 0 ? firstCandidates : furtherCandidates;
    const { targets } = await storage.read({ kind: 'document.findIds', ...ref, filter, limit });
    if (targets.length === 0) return null;
    const outcome = await write(toSelection(filter, targets));
    if (outcome.count > 0) return outcome;
  }
  throw new TackleError('conflict', `Other writers were faster ${attempts} times on "${ref.collection}". Try again.`);
}

/**
 * Runs a write on every document that matches, in chunks. Documents inserted meanwhile behind the last one are left out, so
 * that a stream of inserts cannot keep it going. Answers how many were written.
 */
export async function writeEach(
  storage: Storage,
  ref: CollectionRef,
  filter: Filter,
  limit: number,
  write: (selection: TargetSelection) => Promise<TargetedOutcome>,
): Promise<number> {
  const lastId = await readLastId(storage, ref);
  if (lastId === null) return 0;
  let count = 0;
  let after: string | undefined;
  while (count < limit) {
    const page = await storage.read({
      kind: 'document.findIds',
      ...ref,
      filter,
      limit: Math.min(idsPerChunk, limit - count),
      ...(after === undefined ? {} : { after }),
    });
    const targets = page.targets.filter(({ id }) => compareCodePoints(id, lastId) <= 0);
    count += await writeChunk(storage, ref, filter, targets, write);
    if (page.next === null || targets.length < page.targets.length) break;
    after = page.next;
  }
  return count;
}

/** One page of ids; the writer may stop in the middle to let others in. */
async function writeChunk(
  storage: Storage,
  ref: CollectionRef,
  filter: Filter,
  targets: readonly Required<DocumentTarget>[],
  write: (selection: TargetSelection) => Promise<TargetedOutcome>,
): Promise<number> {
  let rest = targets;
  let count = 0;
  for (let attempt = 0; rest.length > 0; ) {
    const outcome = await write(toSelection(filter, rest));
    count += outcome.count;
    rest = rest.slice(outcome.processed);
    if (outcome.stale.length > 0 && attempt < staleAttempts) {
      attempt += 1;
      rest = [...rest, ...(await readAgain(storage, ref, filter, outcome.stale))];
    }
  }
  return count;
}

async function readAgain(
  storage: Storage,
  ref: CollectionRef,
  filter: Filter,
  ids: readonly string[],
): Promise<readonly Required<DocumentTarget>[]> {
  const among: Filter = { kind: 'field', path: ['_id'], predicates: [{ op: 'in', values: ids, patterns: [] }] };
  const narrowed: Filter = { kind: 'and', filters: [among, filter] };
  const { targets } = await storage.read({ kind: 'document.findIds', ...ref, filter: narrowed, limit: ids.length });
  return targets;
}

function toSelection(filter: Filter, targets: readonly Required<DocumentTarget>[]): TargetSelection {
  if (hasPattern(filter)) return { targets };
  return { targets: targets.map(({ id }) => ({ id })), filter };
}

async function readLastId(storage: Storage, ref: CollectionRef): Promise<string | null> {
  const { targets } = await storage.read({
    kind: 'document.findIds',
    ...ref,
    filter: { kind: 'and', filters: [] },
    sort: [{ path: ['_id'], direction: -1 }],
    limit: 1,
  });
  return targets[0]?.id ?? null;
}
