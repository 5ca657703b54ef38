/**
 * Types of collections as app code sees them: what an assignment below expects does not compile otherwise, and what is
 * marked as an error must be one. Nothing runs; the schemas are those of Zod and Yup.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { object, string } from 'yup';
import { z } from 'zod';
import type { Change, Stored, TypedCollection } from './collection-types.ts';
import type { Datastore } from './types.ts';

interface Order {
  customer: string;
  amount: number;
  tags?: string[];
  address?: { city: string };
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export async function useCollections(datastore: Datastore): Promise<void> {
  const orders = datastore.collection<Order>('orders');
  const one = await orders.getOne('id');
  const sameOne: Same<typeof one, Stored<Order>> = true;
  const amounts: number[] = (await orders.find({ amount: { $gte: 1 } }).toArray()).map(({ amount }) => amount);
  await orders.insertOne({ customer: 'a', amount: 1 });
  await orders.insertOne([{ customer: 'a', amount: 1, _id: 'x', _ttl: 1000 }]);
  await orders.updateOne({ customer: /^a/, 'address.city': 'Oslo' }, { $inc: { amount: 1 }, $push: { tags: 'new' } });
  await orders.updateOne({ $or: [{ amount: 1 }, { tags: 'old' }] }, { address: { city: 'Bergen' } }, { upsert: true });
  for await (const change of orders.watch({ amount: { $in: [1, 2] } })) {
    const told: Change<Order> = change;
    const text: string = told.document.customer;
    void text;
  }
  // @ts-expect-error a field of the wrong type
  await orders.insertOne({ customer: 'a', amount: 'much' });
  // @ts-expect-error a field that there is not
  await orders.insertOne({ customer: 'a', amount: 1, colour: 'red' });
  // @ts-expect-error a condition of the wrong type
  await orders.findOne({ amount: { $gt: 'one' } });
  // @ts-expect-error only numbers can be incremented
  await orders.updateOne('id', { $inc: { customer: 1 } });

  const checked = datastore.collection('checked', {
    schema: z.object({ name: z.string(), state: z.enum(['open', 'done']).default('open') }),
  });
  const sameChecked: Same<
    typeof checked,
    TypedCollection<{ name: string; state: 'open' | 'done' }, { name: string; state?: 'open' | 'done' | undefined }>
  > = true;
  await checked.insertOne({ name: 'without a state' });
  // @ts-expect-error a state that there is not
  await checked.insertOne({ name: 'x', state: 'lost' });
  const byYup = datastore.collection('by-yup', { schema: object({ name: string().required() }) });
  const name: string = (await byYup.getOne('id')).name;
  const loose = await datastore.collection('anything').getOne('id');
  const anything: number = loose.whatever;
  const connection = await datastore.open();
  const ofConnection: number = (await connection.collection('c', { schema: z.object({ n: z.number() }) }).getOne('id'))
    .n;
  void [sameOne, amounts, sameChecked, name, anything, ofConnection];
}

test('the types of collections are checked by the compiler', () => {
  assert.equal(typeof useCollections, 'function');
});
