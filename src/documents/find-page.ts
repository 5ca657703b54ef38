import { TackleError } from '../core/errors.ts';
import type { FindCall } from '../core/query/call-arguments.ts';
import type { Filter } from '../core/query/filter.ts';
import { parseFindOptions, rangeToFilter, resolveSort } from '../core/query/find-options.ts';
import { parseFilter } from '../core/query/parse-filter.ts';
import type { CollectionRef } from '../ports/storage/documents.ts';
import type { Storage } from '../ports/storage.ts';
import type { FindPage } from './space-documents.ts';

/** One page of a find. The token carries how many documents the query still wants. */
export async function findPage(
  storage: Storage,
  ref: CollectionRef,
  call: FindCall,
  token: string | null,
): Promise<FindPage> {
  const options = parseFindOptions(call.options);
  const given = parseFilter(call.filter);
  const filter: Filter =
    options.range === null ? given : { kind: 'and', filters: [given, rangeToFilter(options.range)].flatMap(unwrap) };
  if (options.count) {
    const { count } = await storage.read({ kind: 'document.count', ...ref, filter });
    return { json: JSON.stringify([{ count }]), count: 1, next: null };
  }
  const { after, remaining } = token === null ? { after: null, remaining: options.limit } : readToken(token);
  const page = await storage.read({
    kind: 'document.find',
    ...ref,
    filter,
    sort: resolveSort(options),
    limit: remaining ?? Number.MAX_SAFE_INTEGER,
    ...(options.fields === null ? {} : { fields: options.fields }),
    ...(after === null ? { skip: options.skip } : { after }),
  });
  const left = remaining === null ? null : remaining - page.count;
  const isEnd = page.next === null || (left !== null && left <= 0);
  return { json: page.json, count: page.count, next: isEnd ? null : writeToken(page.next!, left) };
}

/** A conjunction of conjunctions is one conjunction, which is where an index is looked for. */
function unwrap(filter: Filter): readonly Filter[] {
  return filter.kind === 'and' ? filter.filters : [filter];
}

const tokenPattern = /^(?:l(\d{1,16})|a)_(.+)$/;

function writeToken(after: string, remaining: number | null): string {
  return `${remaining === null ? 'a' : `l${remaining}`}_${after}`;
}

function readToken(token: string): { after: string; remaining: number | null } {
  const match = tokenPattern.exec(token);
  if (match === null) {
    throw new TackleError('invalid_query', 'The continuation token is not one that this server gave out');
  }
  return { after: match[2]!, remaining: match[1] === undefined ? null : Number(match[1]) };
}
