/**
 * Aggregation against that of `codehooks-js` 1.4.3: the same records and the same specification give the same result. Real:
 * both libraries. Fake: the streams, which emit arrays.
 *
 * Not compared: fields, labels and groups named like members of `Object.prototype` (`__proto__`, `constructor`), where the
 * original reads and writes the prototype and ours treats them like other names; and streams that fail, where the original
 * never answers.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aggregation as theirs } from 'codehooks-js';
import fc from 'fast-check';
import { type AggregationSpec, aggregation } from './aggregation.ts';

type Stream = Parameters<typeof aggregation>[0];

function emit(records: readonly unknown[]): Stream {
  const listeners: Record<string, (value?: unknown) => unknown> = {};
  setImmediate(() => {
    for (const record of records) listeners.data?.(record);
    listeners.end?.();
  });
  const stream: Stream = {
    on(event, listener) {
      listeners[event] = listener;
      return stream;
    },
  };
  return stream;
}

async function compare(records: readonly unknown[], spec: AggregationSpec): Promise<unknown> {
  const [our, their] = await Promise.all([
    aggregation(emit(records), spec),
    theirs(emit(records) as never, spec as never),
  ]);
  assert.deepEqual(our, their);
  return our;
}

describe('aggregation answers as the original does', () => {
  it('for sums, averages, minima and maxima, with groups within groups', async () => {
    const result = await compare(
      [
        { country: 'NO', city: 'Oslo', age: 30, pay: { month: 10 } },
        { country: 'NO', city: 'Bergen', age: 40, pay: { month: 5.5 } },
        { country: 'SE', city: 'Malmö', age: 20 },
        { age: 7 },
      ],
      {
        $sum: ['age', { $field: 'pay.month', $label: 'Paid' }],
        $min: 'age',
        $max: ['age', 'pay.month'],
        $avg: 'pay.month',
        $group: [{ $field: 'country', $max: 'age', $group: { $field: 'city', $label: 'Cities', $sum: 'age' } }],
      },
    );
    assert.deepEqual((result as { Paid: unknown }).Paid, { sum: 15.5 });
  });

  it('for a first value that is text, which stays text', async () => {
    const result = await compare([{ n: '2' }, { n: 3 }], { $sum: 'n', $avg: 'n', $min: 'n', $max: 'n' });
    assert.deepEqual(result, { count: 2, n: { sum: '23', avg: 11.5, sum_total: '23', min: '2', max: 3 } });
  });

  it('for totals that are 0, which begin anew', async () => {
    const result = await compare([{ n: 0 }, { n: 5 }, { n: -5 }, { n: 1 }], { $sum: 'n', $min: 'n', $max: 'n' });
    assert.deepEqual(result, { count: 4, n: { sum: 1, min: -5, max: 5 } });
  });

  it('for averages where records lack the field: the first value is its own average', async () => {
    assert.deepEqual(await compare([{}, { n: 6 }], { $avg: 'n' }), { count: 2, n: { avg: 6, sum_total: 6 } });
    assert.deepEqual(await compare([{}, { n: 6 }, { n: 3 }], { $avg: 'n' }), { count: 3, n: { avg: 3, sum_total: 9 } });
  });

  it('for group values that are numbers, look like numbers, are missing, null or empty', async () => {
    const records = [{ g: 1 }, { g: '1' }, { g: 'x' }, {}, { g: null }, { g: '' }, { g: true }, { g: [1, 2] }];
    const result = await compare(records, { $group: { $field: 'g' } });
    assert.deepEqual(Object.keys((result as { g: object }).g), [
      '(1)',
      'x',
      '**MISSING KEY [g]',
      '(null)',
      '()',
      '(true)',
      '(1,2)',
    ]);
  });

  it('for fields and labels named count, dotted, with indexes and with blanks', async () => {
    const records = [
      { count: 2, list: [{ n: 1 }], 'a.b': 4 },
      { count: 3, list: [{ n: 5 }], a: { b: 6 } },
    ];
    await compare(records, { $sum: ['count'] });
    await compare(records, { $sum: ['list[0].n', 'list.0.n', 'a.b', { $field: 'a.b', $label: 'My sum' }] });
    await compare(records, { $group: { $field: 'a.b', $label: 'count', $sum: 'count' } });
  });

  it('for any records and specifications', async () => {
    const seed = Number(process.env.TACKLE_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const name = fc.constantFrom('a', 'b', 'c.d', 'e', 'count', 'My field');
    const scalar = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom('1', 'x', '', null, true, 0.5));
    const record = fc.record(
      {
        a: scalar,
        b: scalar,
        e: scalar,
        count: scalar,
        c: fc.record({ d: scalar }, { requiredKeys: [] }),
        'My field': scalar,
      },
      { requiredKeys: [] },
    );
    const field = fc.oneof(name, fc.record({ $field: name, $label: name }, { requiredKeys: ['$field'] }));
    const fields = fc.oneof(field, fc.array(field, { maxLength: 3 }));
    const { group } = fc.letrec<{ group: unknown }>((tie) => ({
      group: fc.record(
        {
          $field: name,
          $label: fc.constantFrom('G', 'H'),
          $sum: fields,
          $avg: fields,
          $min: fields,
          $max: fields,
          $group: fc.option(tie('group'), { nil: undefined, depthSize: 'small', maxDepth: 2 }),
        },
        { requiredKeys: ['$field', '$label'] },
      ),
    }));
    const spec = fc.record(
      { $sum: fields, $avg: fields, $min: fields, $max: fields, $group: group },
      { requiredKeys: [] },
    );
    const runs = process.env.TACKLE_LONG === '1' ? 5_000 : 300;
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 8 }), spec, async (records, given) => {
        const plain = JSON.parse(JSON.stringify(given)) as AggregationSpec;
        await compare(JSON.parse(JSON.stringify(records)), plain);
      }),
      { seed, numRuns: runs },
    );
  });
});
