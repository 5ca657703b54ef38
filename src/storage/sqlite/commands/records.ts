import { TackleError } from '../../../core/errors.ts';
import type { Json } from '../../../core/json.ts';
import type { RecordCommands, RecordReads, StoredRecord } from '../../../ports/storage/records.ts';
import type { CommandHandlers, ReadHandlers } from '../handlers.ts';
import { afterAllText, prefixRange } from '../prefix-range.ts';

interface RecordRow {
  readonly type: string;
  readonly key: string;
  readonly value: string;
  readonly revision: number;
}

export const recordCommands: CommandHandlers<RecordCommands> = {
  'record.put': ({ connection }, { type, key, value, expect }) => {
    const current = connection.sql('SELECT revision FROM records WHERE type = ? AND key = ?').get(type, key) as
      | { revision: number }
      | undefined;
    const revision = current?.revision ?? 0;
    if (expect !== 'any' && (expect === 'absent' ? 0 : expect) !== revision) {
      throw new TackleError('conflict', `${type} ${key} was changed meanwhile`, { details: { type, key, revision } });
    }
    connection
      .sql(
        `INSERT INTO records (type, key, value, revision) VALUES (?, ?, ?, ?)
         ON CONFLICT (type, key) DO UPDATE SET value = excluded.value, revision = excluded.revision`,
      )
      .run(type, key, JSON.stringify(value), revision + 1);
    return { revision: revision + 1 };
  },

  'record.remove': ({ connection }, { type, key, expect }) => {
    const current = connection.sql('SELECT revision FROM records WHERE type = ? AND key = ?').get(type, key) as
      | { revision: number }
      | undefined;
    if (expect !== undefined && expect !== (current?.revision ?? 0)) {
      throw new TackleError('conflict', `${type} ${key} was changed meanwhile`, { details: { type, key } });
    }
    if (current === undefined) return { removed: false };
    connection.sql('DELETE FROM records WHERE type = ? AND key = ?').run(type, key);
    return { removed: true };
  },

  'record.removePrefix': ({ connection }, { type, prefix, limit }) => {
    const { from, to } = prefixRange(prefix);
    const { changes } = connection
      .sql(
        `DELETE FROM records WHERE type = ?1 AND key IN
         (SELECT key FROM records WHERE type = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4)`,
      )
      .run(type, from, to, limit);
    return { removed: Number(changes) };
  },
};

export const recordReads: ReadHandlers<RecordReads> = {
  'record.get': {
    lane: 'point',
    run: ({ connection }, { type, key }) => {
      const row = connection
        .sql('SELECT type, key, value, revision FROM records WHERE type = ? AND key = ?')
        .get(type, key) as RecordRow | undefined;
      return row === undefined ? null : toRecord(row);
    },
  },
  'record.list': {
    lane: 'point',
    run: ({ connection }, { type, prefix, limit, after, reverse }) => {
      const { from, to } = prefixRange(prefix);
      const rows = reverse
        ? connection
            .sql(
              `SELECT type, key, value, revision FROM records
               WHERE type = ? AND key >= ? AND key < ? AND key < ? ORDER BY key DESC LIMIT ?`,
            )
            .all(type, from, to, after ?? afterAllText, limit)
        : connection
            .sql(
              `SELECT type, key, value, revision FROM records
               WHERE type = ? AND key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?`,
            )
            .all(type, from, to, after ?? '', limit);
      return (rows as unknown as RecordRow[]).map(toRecord);
    },
  },
};

function toRecord(row: RecordRow): StoredRecord {
  return { type: row.type, key: row.key, value: JSON.parse(row.value) as Json, revision: row.revision };
}
