/** Real: SQLite, in memory, with the schema of before and rows of two instances. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { historyRange, toHistoryNumber } from '../history-id.ts';
import { migrate } from '../migrate.ts';
import { migrations } from './index.ts';

it('histories of before are found under their instances, in their order', () => {
  using db = new DatabaseSync(':memory:');
  migrate(db, { migrations: migrations.slice(0, 3), backUp: () => assert.fail('there is nothing to lose') });
  const insert = db.prepare('INSERT INTO workflow_history VALUES (?, ?, ?, ?)');
  for (const [instance, number] of [
    [2, 1],
    [1, 2],
    [1, 1],
    [1, 10],
  ] as const)
    insert.run(instance, number, `{"step":"${instance}.${number}"}`, '{}');
  let backups = 0;
  migrate(db, { migrations, backUp: () => (backups += 1) });
  assert.equal(backups, 1);
  const { first, end } = historyRange(1);
  const rows = db
    .prepare('SELECT id, entry FROM workflow_history WHERE id >= ? AND id < ? ORDER BY id')
    .all(first, end);
  assert.deepEqual(
    rows.map(({ id, entry }) => [toHistoryNumber(Number(id)), JSON.parse(String(entry)).step]),
    [
      [1, '1.1'],
      [2, '1.2'],
      [10, '1.10'],
    ],
  );
});
