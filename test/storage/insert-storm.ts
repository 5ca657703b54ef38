/**
 * A process that inserts documents and key increments as fast as it can and writes the id of each one that was acknowledged
 * to its standard output, right after the acknowledgement. Started by the crash tests.
 *
 *   node insert-storm.ts <directory> <prefix> <FULL|NORMAL> <total or 0 for no end>
 */
import { writeSync } from 'node:fs';
import { encodeStoredBody } from '../../src/core/query/stored-text.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';

const [directory, prefix, synchronous, total] = process.argv.slice(2);
const parallel = 16;
const storage = await openSqliteStorage({
  directory: directory!,
  testing: { synchronous: synchronous === 'NORMAL' ? 'NORMAL' : 'FULL' },
});
writeSync(1, 'ready\n');
const last = Number(total) || Number.POSITIVE_INFINITY;
let next = 0;

async function insertUntilDone(): Promise<void> {
  while (next < last) {
    next += 1;
    const id = `${prefix}-${next}`;
    await storage.commit(
      [
        {
          kind: 'document.insert',
          space: 'storm',
          collection: 'rows',
          documents: [{ id, body: encodeStoredBody({ n: next, filling: 'x'.repeat(next % 300) }) }],
        },
        { kind: 'keyvalue.increment', space: 'storm', keyspace: '', key: 'rows', by: 1 },
      ],
      { lane: { lane: 'space', space: 'storm' } },
    );
    writeSync(1, `${id}\n`);
  }
}

await Promise.all(Array.from({ length: parallel }, insertUntilDone));
writeSync(1, 'done\n');
// The power-loss model looks at the files as they are now: closing would fold the log into the database.
await new Promise(() => setInterval(() => undefined, 60_000));
