import type { Untyped } from './types.ts';

/** Anything that emits `data` for each record and `end`: a DataStream, a Node stream. */
interface RecordStream {
  on(event: string, listener: (value?: Untyped) => unknown): unknown;
}

type Aggregate = '$sum' | '$avg' | '$min' | '$max';
type FieldSpec = string | { $field: string; $label?: string };
type GroupSpec = AggregationSpec & { $field: string; $label?: string };

/** `{$sum: 'price', $group: {$field: 'country', $avg: ['age', {$field: 'n', $label: 'N'}]}}` */
export type AggregationSpec = { [Name in Aggregate]?: FieldSpec | FieldSpec[] } & { $group?: GroupSpec | GroupSpec[] };

type Accumulator = { count: number; [label: string]: unknown };
type Totals = Record<string, number>;

/**
 * Sums, averages, minima and maxima over a stream of records, also per group. Resolves with `{count, <field>: {sum, avg, …},
 * <group>: {<value>: {count, …}}}`; rejects when the stream fails. An average divides by all records of its group, also by
 * those that lack the field.
 */
export function aggregation(stream: RecordStream, spec: AggregationSpec): Promise<Untyped> {
  return new Promise((resolve, reject) => {
    const result: Accumulator = { count: 0 };
    stream.on('data', (record) => addRecord(record, result, spec));
    stream.on('error', reject);
    stream.on('end', () => resolve(result));
  });
}

function addRecord(record: unknown, accumulator: Accumulator, spec: AggregationSpec): void {
  accumulator.count += 1;
  for (const name of Object.keys(spec)) {
    if (Object.hasOwn(addValue, name)) {
      for (const field of toList(spec[name as Aggregate])) addField(record, field, accumulator, name as Aggregate);
    } else if (name === '$group') {
      for (const group of toList(spec.$group)) addToGroup(record, group, accumulator);
    }
  }
}

const addValue: Readonly<Record<Aggregate, (totals: Totals, value: Untyped, count: number) => void>> = {
  $sum(totals, value) {
    totals.sum = (totals.sum ?? 0) + Number(value);
  },
  $avg(totals, value, count) {
    totals.sum_total = (totals.sum_total ?? 0) + Number(value);
    totals.avg = totals.sum_total / count;
  },
  $min(totals, value) {
    if (totals.min === undefined || value < totals.min) totals.min = value;
  },
  $max(totals, value) {
    if (totals.max === undefined || value > totals.max) totals.max = value;
  },
};

function addField(record: unknown, spec: FieldSpec, accumulator: Accumulator, aggregate: Aggregate): void {
  const field = typeof spec === 'string' ? spec : spec.$field;
  const label = typeof spec === 'string' ? spec : (spec.$label ?? spec.$field);
  const value = readPath(record, field);
  if (value === undefined || value === null) return;
  // A dotted name nests in the result as it does in the record.
  const totals = label.split('.').reduce<Record<string, Untyped>>((parent, name) => openOwn(parent, name), accumulator);
  addValue[aggregate](totals, value, accumulator.count);
}

function addToGroup(record: unknown, group: GroupSpec, accumulator: Accumulator): void {
  const { $field, $label = $field, ...nested } = group;
  const groups = openOwn(accumulator, $label);
  const key = toGroupKey(readPath(record, $field), $field);
  if (!Object.hasOwn(groups, key)) define(groups, key, { count: 0 });
  addRecord(record, groups[key], nested as AggregationSpec);
}

/** Numbers, and text that could be one, stand in brackets. */
function toGroupKey(value: unknown, field: string): string {
  if (value === undefined) return `**MISSING KEY [${field}]`;
  if (typeof value !== 'string') return `(${String(value)})`;
  return Number.isNaN(Number(value)) ? value : `(${value})`;
}

function readPath(record: Untyped, path: string): unknown {
  let value = record;
  for (const name of Object.hasOwn(Object(record), path) ? [path] : path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function openOwn(parent: Record<string, Untyped>, name: string): Record<string, Untyped> {
  if (!Object.hasOwn(parent, name)) define(parent, name, {});
  return parent[name];
}

function define(parent: object, name: string, value: unknown): void {
  Object.defineProperty(parent, name, { value, enumerable: true, configurable: true, writable: true });
}

function toList<Item>(items: Item | Item[] | undefined): Item[] {
  if (items === undefined) return [];
  return Array.isArray(items) ? items : [items];
}
