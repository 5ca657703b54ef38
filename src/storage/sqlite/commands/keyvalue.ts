import { TackleError } from '../../../core/errors.ts';
import type { KeyValueCommands, KeyValueEntry, KeyValueReads } from '../../../ports/storage/keyvalue.ts';
import type { CommandHandlers, ReadHandlers, WriterContext } from '../handlers.ts';
import { afterAllText, prefixRange } from '../prefix-range.ts';

interface ValueRow {
  readonly value: string;
  readonly expires_at: number | null;
}

const selectValue = `SELECT value, expires_at FROM keyvalue
  WHERE space = ? AND keyspace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)`;
const upsertValue = `INSERT INTO keyvalue (space, keyspace, key, value, expires_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (space, keyspace, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`;
const pageBytes = 1_000_000;

export const keyValueCommands: CommandHandlers<KeyValueCommands> = {
  'keyvalue.set': (context, { space, keyspace, key, value, expiresAtMs }) => {
    context.connection.sql(upsertValue).run(space, keyspace, key, value, expiresAtMs);
    if (expiresAtMs !== null) context.catalogue.noteDue(expiresAtMs);
    return null;
  },

  'keyvalue.increment': (context, { space, keyspace, key, by, expiresAtMs }) => {
    const row = getValue(context, space, keyspace, key);
    const value = toNumber(row?.value ?? '0', key) + by;
    if (!Number.isFinite(value)) {
      throw new TackleError('invalid_request', `The value of "${key}" would leave the range of numbers`);
    }
    const expiresAt = expiresAtMs ?? row?.expires_at ?? null;
    context.connection.sql(upsertValue).run(space, keyspace, key, JSON.stringify(value), expiresAt);
    if (expiresAt !== null) context.catalogue.noteDue(expiresAt);
    return { value };
  },

  'keyvalue.remove': (context, { space, keyspace, key }) => {
    const row = getValue(context, space, keyspace, key);
    context.connection
      .sql('DELETE FROM keyvalue WHERE space = ? AND keyspace = ? AND key = ?')
      .run(space, keyspace, key);
    return { previous: row?.value ?? null };
  },

  'keyvalue.removePrefix': ({ connection }, { space, keyspace, prefix, limit }) => {
    const { from, to } = prefixRange(prefix);
    const { changes } = connection
      .sql(
        `DELETE FROM keyvalue WHERE space = ?1 AND keyspace = ?2 AND key IN (SELECT key FROM keyvalue
         WHERE space = ?1 AND keyspace = ?2 AND key >= ?3 AND key < ?4 ORDER BY key LIMIT ?5)`,
      )
      .run(space, keyspace, from, to, limit);
    return { removed: Number(changes) };
  },

  'keyvalue.removeSpace': ({ connection }, { space, limit }) => {
    const { changes } = connection
      .sql(
        `DELETE FROM keyvalue WHERE (space, keyspace, key) IN
         (SELECT space, keyspace, key FROM keyvalue WHERE space = ? LIMIT ?)`,
      )
      .run(space, limit);
    return { removed: Number(changes) };
  },
};

export const keyValueReads: ReadHandlers<KeyValueReads> = {
  'keyvalue.get': {
    lane: 'point',
    run: ({ connection, nowMs }, { space, keyspace, key }) => {
      const row = connection.sql(selectValue).get(space, keyspace, key, nowMs) as ValueRow | undefined;
      return row?.value ?? null;
    },
  },
  'keyvalue.list': {
    lane: 'scan',
    run: ({ connection, nowMs }, params) => {
      const { from, to } = prefixRange(params.prefix);
      const columns = params.onlyKeys === true ? `key, '' AS value` : 'key, value';
      const where = `space = ? AND keyspace = ? AND key >= ? AND key < ? AND (expires_at IS NULL OR expires_at > ?)`;
      const rows =
        params.reverse === true
          ? connection
              .sql(`SELECT ${columns} FROM keyvalue WHERE ${where} AND key < ? ORDER BY key DESC LIMIT ?`)
              .iterate(params.space, params.keyspace, from, to, nowMs, params.after ?? afterAllText, params.limit)
          : connection
              .sql(`SELECT ${columns} FROM keyvalue WHERE ${where} AND (?6 IS NULL OR key > ?6) ORDER BY key LIMIT ?7`)
              .iterate(params.space, params.keyspace, from, to, nowMs, params.after ?? null, params.limit);
      return collectPage(rows as Iterable<KeyValueEntry>, params.limit);
    },
  },
};

function collectPage(rows: Iterable<KeyValueEntry>, limit: number): { entries: KeyValueEntry[]; next: string | null } {
  const entries: KeyValueEntry[] = [];
  let size = 0;
  for (const { key, value } of rows) {
    entries.push({ key, value });
    size += key.length + value.length;
    if (size >= pageBytes) break;
  }
  const isFull = entries.length >= limit || size >= pageBytes;
  return { entries, next: isFull ? (entries.at(-1)?.key ?? null) : null };
}

function getValue(context: WriterContext, space: string, keyspace: string, key: string): ValueRow | undefined {
  return context.connection.sql(selectValue).get(space, keyspace, key, context.nowMs) as ValueRow | undefined;
}

/** Numbers, and strings that are numbers; an empty string is none. */
function toNumber(text: string, key: string): number {
  const value = JSON.parse(text) as unknown;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new TackleError('invalid_request', `The value of "${key}" is no number and cannot be incremented`);
}
