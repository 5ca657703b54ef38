/** Inserts one document for each line on its standard input, and tells how that went. Its parent limits the file size. */
import { createInterface } from 'node:readline';
import { TackleError } from '../../src/core/errors.ts';
import { parseFilter } from '../../src/core/query/parse-filter.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';

const storage = await openSqliteStorage({ directory: process.argv[2]! });
let n = 0;

async function insertAndTell(): Promise<void> {
  n += 1;
  const insert = await storage
    .commit([{ kind: 'document.insert', space: 's', collection: 'c', documents: [{ id: `d${n}`, body: '{}' }] }], {
      lane: { lane: 'space', space: 's' },
    })
    .then(
      () => 'ok',
      (error: unknown) => (error instanceof TackleError ? error.code : String(error)),
    );
  const { count } = await storage.read({
    kind: 'document.count',
    space: 's',
    collection: 'c',
    filter: parseFilter({}),
  });
  console.log(JSON.stringify({ insert, rows: count }));
}

await insertAndTell();
for await (const _ of createInterface({ input: process.stdin })) await insertAndTell();
