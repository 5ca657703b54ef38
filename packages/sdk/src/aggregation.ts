import type { Untyped } from './types.ts';
import { getPath, setPath } from './value-path.ts';

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
type Totals = Record<string, Untyped>;

/**
 * Sums, averages, minima and maxima over a stream of records, also per group. Resolves with `{count, <field>: {sum, avg, …},
 * <group>: {<value>: {count, …}}}`; rejects when the stream fails.
 *
 * What it counts is what `codehooks-js` counts, whose results apps show and compare: an average divides by all records so
 * far, also by those without the field, except that the first value is its own average; a first value stays as it is, also
 * text; and a total that is 0 begins anew with the next value.
 */
export function aggregation(stream: RecordStream, spec: AggregationSpec): Promise<Untyped> {
  return new Promise((resolve, reject) => {
    const result: Accumulator = { count: 0 };
    stream.on('data', (record) => {
      countRecord(result);
      addRecord(record, result, spec);
    });
    stream.on('error', reject);
    stream.on('end', () => resolve(result));
  });
}

function addRecord(record: unknown, accumulator: Accumulator, spec: AggregationSpec): void {
  for (const name of Object.keys(spec)) {
    if (Object.hasOwn(aggregates, name)) {
      for (const field of toList(spec[name as Aggregate])) addField(record, field, accumulator, name as Aggregate);
    } else if (name === '$group') {
      for (const group of toList(spec.$group)) addToGroup(record, group, accumulator);
    }
  }
}

interface AggregateSteps {
  /** The total that, when it is there and not 0, goes on. */
  readonly total: string;
  begin(value: Untyped): Totals;
  goOn(totals: Totals, value: Untyped, count: number): void;
}

const aggregates: Readonly<Record<Aggregate, AggregateSteps>> = {
  $sum: {
    total: 'sum',
    begin: (value) => ({ sum: value }),
    goOn(totals, value) {
      totals.sum += Number(value);
    },
  },
  $avg: {
    total: 'avg',
    begin: (value) => ({ avg: value || 0, sum_total: value || 0 }),
    goOn(totals, value, count) {
      totals.sum_total += Number(value);
      totals.avg = totals.sum_total / count;
    },
  },
  $min: {
    total: 'min',
    begin: (value) => ({ min: value }),
    goOn(totals, value) {
      if (value < totals.min) totals.min = value;
    },
  },
  $max: {
    total: 'max',
    begin: (value) => ({ max: value }),
    goOn(totals, value) {
      if (value > totals.max) totals.max = value;
    },
  },
};

function addField(record: unknown, spec: FieldSpec, accumulator: Accumulator, aggregate: Aggregate): void {
  const field = typeof spec === 'string' ? spec : spec.$field;
  const label = (typeof spec === 'string' ? null : spec.$label) || field;
  const value = getPath(record, field);
  if (value === undefined || value === null) return;
  const { total, begin, goOn } = aggregates[aggregate];
  const totals = getPath(accumulator, label) as Totals | undefined;
  if (totals?.[total]) {
    goOn(totals, value, accumulator.count);
    return;
  }
  // A dotted name nests in the result as it does in the record.
  for (const [name, first] of Object.entries(begin(value))) setPath(accumulator, `${label}.${name}`, first);
}

function addToGroup(record: unknown, group: GroupSpec, accumulator: Accumulator): void {
  const { $field, $label = $field } = group;
  const groups = openOwn(accumulator, $label);
  const key = toGroupKey(getPath(record, $field), $field);
  const isKnown = Object.hasOwn(groups, key);
  const members = openOwn(groups, key) as Accumulator;
  if (isKnown) countRecord(members);
  else members.count = 1;
  addRecord(record, members, group);
}

/** A label may be called `count`: what it leaves there is no number then. */
function countRecord(accumulator: Accumulator): void {
  accumulator.count = Number(accumulator.count) + 1;
}

/** Numbers, and text that could be one, stand in brackets. */
function toGroupKey(value: unknown, field: string): string {
  if (value === undefined) return `**MISSING KEY [${field}]`;
  if (typeof value !== 'string') return `(${String(value)})`;
  return Number.isNaN(Number(value)) ? value : `(${value})`;
}

/** The object under that name, made where there is none. */
function openOwn(parent: Record<string, Untyped>, name: string): Record<string, Untyped> {
  const known = Object.hasOwn(parent, name) ? parent[name] : undefined;
  if (typeof known === 'object' && known !== null) return known;
  const value = {};
  Object.defineProperty(parent, name, { value, enumerable: true, configurable: true, writable: true });
  return value;
}

function toList<Item>(items: Item | Item[] | undefined): Item[] {
  if (items === undefined) return [];
  return Array.isArray(items) ? items : [items];
}
