/** A value that node:sqlite binds. */
export type SqlParameter = string | number | bigint | Uint8Array;

/**
 * A piece of a WHERE clause. `params` stand in the order of the question marks. When `exact` is false the piece also holds
 * for some rows that do not match (never the other way round), and the JavaScript matcher must look again.
 */
export interface SqlCondition {
  readonly sql: string;
  readonly params: readonly SqlParameter[];
  readonly exact: boolean;
}

export const always: SqlCondition = { sql: '1', params: [], exact: true };
export const never: SqlCondition = { sql: '0', params: [], exact: true };
/** Nothing can be said in SQL: every row has to be looked at. */
export const unknown: SqlCondition = { sql: '1', params: [], exact: false };

export function condition(sql: string, ...params: SqlParameter[]): SqlCondition {
  return { sql, params, exact: true };
}

export function inexact(base: SqlCondition): SqlCondition {
  return { ...base, exact: false };
}

export function allOf(conditions: readonly SqlCondition[]): SqlCondition {
  if (conditions.some((one) => one.sql === '0')) return never;
  const exact = conditions.every((one) => one.exact);
  const terms = conditions.filter((one) => one.sql !== '1');
  if (terms.length === 0) return exact ? always : unknown;
  return { ...join(terms, 'AND'), exact };
}

export function anyOf(conditions: readonly SqlCondition[]): SqlCondition {
  const terms = conditions.filter((one) => one.sql !== '0');
  if (terms.length === 0) return never;
  const whole = terms.find((one) => one.sql === '1' && one.exact) ?? terms.find((one) => one.sql === '1');
  if (whole) return whole;
  return { ...join(terms, 'OR'), exact: terms.every((one) => one.exact) };
}

/** The opposite. NULL counts as false. Rows that an inexact piece lets through wrongly would be lost, so it says nothing. */
export function notOf(base: SqlCondition): SqlCondition {
  if (!base.exact) return unknown;
  if (base.sql === '1') return never;
  if (base.sql === '0') return always;
  return { sql: `(${base.sql}) IS NOT TRUE`, params: base.params, exact: true };
}

/** Joined as a balanced tree: SQLite limits the depth of expressions to 1,000. */
function join(
  terms: readonly SqlCondition[],
  operator: 'AND' | 'OR',
): { sql: string; params: readonly SqlParameter[] } {
  const params = terms.flatMap((term) => term.params);
  return {
    sql: joinSql(
      terms.map((term) => term.sql),
      operator,
    ),
    params,
  };
}

function joinSql(terms: readonly string[], operator: 'AND' | 'OR'): string {
  if (terms.length === 1) return terms[0]!;
  if (terms.length <= 16) return `(${terms.join(` ${operator} `)})`;
  const middle = terms.length >> 1;
  return `(${joinSql(terms.slice(0, middle), operator)} ${operator} ${joinSql(terms.slice(middle), operator)})`;
}
