/**
 * The datastore as app code calls it (appendix B of the contract, 1-7). Real: the ABI, the query language, updates. Fake: the
 * gateway behind the host calls (in memory), so nothing here speaks of durability or of many processes.
 */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DataStream } from '../../src/sandbox/runtime/abi/data-stream.ts';
import type { Datastore } from '../../src/sandbox/runtime/abi/datastore.ts';
import { abi } from '../../src/sandbox/runtime/abi/index.ts';
import { createFakeGateway, type FakeGateway } from './fake-gateway.ts';

let gateway: FakeGateway;
let datastore: Datastore;
let connection: Awaited<ReturnType<Datastore['open']>>;

beforeEach(async () => {
  gateway = createFakeGateway();
  abi.install(gateway.channel, {});
  datastore = (globalThis as unknown as { DB: Datastore }).DB;
  connection = await datastore.open();
});

describe('opening', () => {
  it('answers a promise that carries the whole API, and can be awaited', async () => {
    const opened = datastore.open();
    const stored = await opened.insertOne('c', { a: 1 });
    assert.equal((stored as { a: number }).a, 1);
    assert.deepEqual(await (await opened).count('c'), { count: 1 });
  });

  it('gives the same object as DB and as Datastore', () => {
    assert.equal((globalThis as unknown as { Datastore: Datastore }).Datastore, datastore);
  });

  it('refuses another space, also for calls that do not wait for open', async () => {
    gateway.answer('datastore.open', () => {
      throw Object.assign(new Error('not your space'), { code: 'forbidden' });
    });
    const opened = datastore.open('other');
    await assert.rejects(opened.insertOne('c', { a: 1 }), /not your space/);
    await assert.rejects(opened, /not your space/);
    assert.equal(gateway.collections.size, 0);
  });
});

describe('streams', () => {
  beforeEach(async () => {
    gateway.pageSize = 3;
    for (let n = 0; n < 10; n += 1) await connection.insertOne('c', { n, name: `ü${n}` });
  });

  it('are no promises, survive await, and are empty for unknown collections', async () => {
    assert.ok(!((connection.getMany('c') as unknown) instanceof Promise));
    const stream = await connection.getMany('nothing');
    assert.ok(stream instanceof DataStream);
    assert.deepEqual(await stream.toArray(), []);
  });

  it('give every document once over many pages, in every way of reading', async () => {
    const expected = Array.from({ length: 10 }, (_, n) => n);
    assert.deepEqual(
      (await connection.getMany('c').toArray()).map(({ n }) => n),
      expected,
    );
    const each: unknown[] = [];
    await connection.getMany('c').forEach(({ n }) => void each.push(n));
    assert.deepEqual(each, expected);
    const iterated: unknown[] = [];
    for await (const { n } of connection.find('c')) iterated.push(n);
    assert.deepEqual(iterated, expected);
    const emitted: unknown[] = [];
    await new Promise<void>((resolve) => {
      connection
        .getMany('c')
        .on('data', (document) => emitted.push((document as { n: number }).n))
        .on('end', () => resolve());
    });
    assert.deepEqual(emitted, expected);
  });

  it('ask for nothing until somebody reads, and for the next page only when it is needed', async () => {
    const before = gateway.calls.length;
    const stream = connection.getMany('c');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(gateway.calls.length, before);
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    assert.equal(gateway.calls.length, before + 1);
    await iterator.return?.(undefined);
    assert.equal(gateway.calls.length, before + 1);
  });

  it('take sort, limit and skip before they are read', async () => {
    const found = await connection.getMany('c').sort({ n: -1 }).skip(2).limit(2).toArray();
    assert.deepEqual(
      found.map(({ n }) => n),
      [7, 6],
    );
  });

  it('wait for each callback of forEach, and pass its rejection on', async () => {
    let running = 0;
    await connection.getMany('c').forEach(async () => {
      running += 1;
      assert.equal(running, 1);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    });
    const failing = connection.getMany('c').forEach(async ({ n }) => {
      if (n === 4) throw new Error('stop here');
    });
    await assert.rejects(failing, /stop here/);
  });

  it('stop while paused and after cancel', async () => {
    const seen: unknown[] = [];
    const ended = new Promise<void>((resolve) => {
      const stream = connection.getMany('c');
      stream
        .on('data', (document) => {
          seen.push(document);
          if (seen.length === 4) {
            stream.pause();
            setImmediate(() => stream.resume());
          }
          if (seen.length === 6) stream.cancel();
        })
        .on('end', () => resolve());
    });
    await ended;
    assert.equal(seen.length, 6);
  });

  it('report an error, then end', async () => {
    gateway.answer('documents.find', () => {
      throw Object.assign(new Error('the disk is gone'), { code: 'storage_unavailable' });
    });
    const events: string[] = [];
    await new Promise<void>((resolve) => {
      connection
        .getMany('c')
        .on('error', (error) => events.push((error as Error).message))
        .on('end', () => {
          events.push('end');
          resolve();
        });
    });
    assert.deepEqual(events, ['the disk is gone', 'end']);
  });

  it('yield a count when asked by a hint', async () => {
    assert.deepEqual(await connection.getMany('c', {}, { hints: { count: true } }).toArray(), [{ count: 10 }]);
  });

  it('understand the older form with the filter among the options', async () => {
    const found = await connection.getMany('c', { filter: { n: { $gte: 8 } }, hints: { $fields: { n: 1 } } }).toArray();
    assert.deepEqual(
      found.map(({ n }) => n),
      [8, 9],
    );
  });
});

describe('documents', () => {
  it('reject with Not found, or answer null where the name says so', async () => {
    for (const attempt of [
      () => connection.getOne('c', 'nope'),
      () => connection.findOne('c', { a: 1 }),
      () => connection.updateOne('c', { x: 1 }, { $set: { y: 1 } }),
      () => connection.removeOne('c', 'nope'),
      () => connection.replaceOne('c', 'nope', {}),
      () => connection.getOne('c', undefined),
    ]) {
      await assert.rejects(attempt(), (error: Error & { code?: string }) => {
        assert.match(error.message, /Not found/);
        assert.equal(error.code, 'NOT_FOUND');
        assert.equal(JSON.stringify(error), '{}');
        return true;
      });
    }
    assert.equal(await connection.findOneOrNull('c', 'nope'), null);
  });

  it('never take a missing _id for all documents', async () => {
    await connection.insertOne('c', { a: 1 });
    await assert.rejects(connection.updateOne('c', { _id: undefined }, { $set: { a: 2 } }), /Not found/);
    assert.deepEqual(await connection.removeMany('c', { _id: undefined }), { count: 0 });
    assert.deepEqual(await connection.count('c'), { count: 1 });
  });

  it('never take a query that lost all its conditions for one that matches everything', async () => {
    await connection.insertOne('c', { a: 1, token: 'secret' });
    const lost = { token: undefined, owner: undefined };
    assert.equal(await connection.findOneOrNull('c', lost), null);
    await assert.rejects(connection.updateOne('c', lost, { $set: { a: 2 } }), /Not found/);
    await assert.rejects(connection.removeOne('c', lost), /Not found/);
    assert.deepEqual(await connection.updateMany('c', lost, { $set: { a: 2 } }), { count: 0 });
    assert.deepEqual(await connection.removeMany('c', lost), { count: 0 });
    assert.deepEqual(await connection.removeMany('c', { filter: lost }), { count: 0 });
    assert.equal((await connection.findOne('c', { token: 'secret', owner: undefined })).a, 1, 'one condition is left');
    assert.deepEqual(await connection.removeMany('c', {}), { count: 1 });
  });

  it('remove what the older call names', async () => {
    await connection.insertOne('c', [{ a: 1 }, { a: 2 }, { a: 3, filter: { a: 1 } }]);
    assert.deepEqual(await connection.removeMany('c', { filter: { a: { $lt: 3 } } }), { count: 2 });
    assert.deepEqual(
      await connection.removeMany('c', { filter: { a: 1 } }, {}),
      { count: 1 },
      'with options it is a field',
    );
  });

  it('upsert under the _id that was asked for, again and again', async () => {
    const first = await connection.updateOne('c', 'my-id', { $set: { a: 1 } }, { upsert: true });
    assert.equal(first._id, 'my-id');
    assert.equal((first as { upsertedId?: string }).upsertedId, 'my-id');
    assert.ok(!Object.keys(first).includes('upsertedId'));
    await connection.updateOne('c', 'my-id', { $set: { a: 2 } }, {}, { upsert: true });
    assert.deepEqual(await connection.getMany('c').toArray(), [{ a: 2, _id: 'my-id' }]);
  });

  it('take options and operators in the fourth and fifth argument', async () => {
    await connection.insertOne('c', { _id: 'a', n: 1 });
    await connection.updateOne('c', 'a', { title: 'x' }, {});
    const both = await connection.updateOne('c', 'a', { title: 'y' }, { $inc: { n: 2 } });
    assert.deepEqual(both, { n: 3, title: 'y', _id: 'a' });
  });

  it('take a dotted key of an operator literally, and of a query as a path', async () => {
    const { _id } = (await connection.insertOne('c', { n: { m: 1 } })) as { _id: string };
    const updated = await connection.updateOne('c', _id, { $inc: { 'a.b': 1 } });
    assert.equal(updated['a.b'], 1);
    assert.equal((await connection.find('c', { 'n.m': 1 }).toArray()).length, 1);
  });

  it('carry regular expressions and dates to the gateway', async () => {
    await connection.insertOne('c', { name: 'Alpha', at: new Date('2024-01-01') });
    assert.equal((await connection.getMany('c', { name: /^alp/i }).toArray()).length, 1);
    assert.equal((await connection.getMany('c', { name: { $in: [/^al/i, 'x'] } }).toArray()).length, 1);
    assert.equal((await connection.getMany('c', { name: { $regex: /^al/i } }).toArray()).length, 1);
    assert.equal((await connection.getMany('c', { at: { $lt: new Date('2025-01-01') } }).toArray()).length, 1);
    assert.equal((await connection.getMany('c', { name: /beta/ }).toArray()).length, 0);
  });

  it('insert arrays as arrays', async () => {
    const stored = (await connection.insertOne('c', [{ a: 1 }, { a: 2 }])) as { a: number }[];
    assert.deepEqual(
      stored.map(({ a }) => a),
      [1, 2],
    );
  });

  it('show a schema violation as the only enumerable property of the error', async () => {
    const violation = [{ instancePath: '', schemaPath: '#/required', keyword: 'required', params: {}, message: 'm' }];
    gateway.answer('documents.insert', () => {
      throw Object.assign(new Error('no'), { code: 'schema_violation', details: { schemaError: violation } });
    });
    await assert.rejects(connection.insertOne('c', {}), (error) => {
      assert.equal(JSON.stringify(error), JSON.stringify({ schemaError: violation }));
      return error instanceof Error;
    });
  });

  it('offer the same through collection(name)', async () => {
    const items = connection.collection('c');
    await items.insertOne({ a: 1 });
    assert.equal((await items.find({ a: 1 }).toArray()).length, 1);
    assert.deepEqual(await items.updateMany({}, { $set: { b: 1 } }), { count: 1 });
    assert.deepEqual(await items.count(), { count: 1 });
  });

  it('let one of 50 concurrent claims win each time', async () => {
    await connection.insertOne('jobs', { _id: 'j', claims: [] });
    const claim = () =>
      connection.updateOne('jobs', { _id: 'j', claims: { $nin: [1] } }, { $push: { claims: 1 } }).then(
        () => 1,
        () => 0,
      );
    const wins = await Promise.all(Array.from({ length: 50 }, claim));
    assert.equal(
      wins.reduce<number>((sum, win) => sum + win, 0),
      1,
    );
  });
});

describe('reading what was just written', () => {
  it('waits for writes that nobody awaited', async () => {
    gateway.writeDelayMs = 10;
    void connection.insertOne('c', { a: 1 });
    void connection.set('k', 'v');
    assert.equal((await connection.getMany('c').toArray()).length, 1);
    assert.equal(await connection.get('k'), 'v');
  });

  it('keeps the state at the time of the call', async () => {
    gateway.writeDelayMs = 10;
    const filter = { a: 1 };
    void connection.insertOne('c', { a: 1 });
    const found = connection.getMany('c', filter).toArray();
    filter.a = 2;
    assert.equal((await found).length, 1);
  });

  it('lets nothing overtake an operation that reads before it writes', async () => {
    await connection.insertOne('c', { a: 1 });
    gateway.writeDelayMs = 5;
    void connection.updateMany('c', {}, { $set: { a: 2 } });
    void connection.insertOne('c', { a: 3 });
    await connection.count('c');
    assert.deepEqual(
      gateway.calls.slice(-3).map(({ method }) => method),
      ['documents.updateMany', 'documents.insert', 'documents.count'],
    );
  });
});

describe('key-value', () => {
  it('counts to 100 in 100 concurrent increments', async () => {
    await Promise.all(Array.from({ length: 100 }, () => connection.incr('k', 1)));
    assert.equal(await connection.get('k'), 100);
    assert.equal(await connection.decr('k', 40), 60);
  });

  it('keeps keyspaces apart and passes ttl on', async () => {
    await connection.set('k', 'a');
    await connection.set('k', 'b', { keyspace: 'other', ttl: 50 });
    assert.equal(await connection.get('k'), 'a');
    assert.equal(await connection.get('k', { keyspace: 'other' }), 'b');
    assert.equal(gateway.calls.find(({ params }) => params.keyspace === 'other')?.params.ttlMs, 50);
  });

  it('answers null for what is not there, and never rejects', async () => {
    assert.equal(await connection.get('none'), null);
    assert.equal(await connection.del('none'), null);
    assert.equal(await connection.getObj('none'), null);
  });

  it('stores objects', async () => {
    await connection.setObj('o', { a: [1] });
    assert.deepEqual(await connection.getObj('o'), { a: [1] });
    await connection.set('p', { b: 2 });
    assert.deepEqual(await connection.get('p'), { b: 2 });
  });

  it('streams keys by prefix, with or without a star', async () => {
    await connection.set('abc1', '1');
    await connection.set('abc2', '2');
    await connection.set('x', '3');
    const expected = [
      { key: 'abc1', val: '1' },
      { key: 'abc2', val: '2' },
    ];
    assert.deepEqual(await connection.getAll('abc').toArray(), expected);
    assert.deepEqual(await connection.getAll('abc*').toArray(), expected);
  });
});

describe('queue', () => {
  it('answers jobs with an _id, and counts of a query under all their names', async () => {
    const job = await connection.enqueue('topic', { a: 1 });
    assert.ok(job._id);
    assert.equal((await connection.enqueueMany('topic', [1, 2])).count, 2);
    await connection.insertOne('c', { a: 1 });
    assert.deepEqual(await connection.enqueueFromQuery('c', {}, 'topic'), {
      JobId: 'job',
      jobId: 'job',
      count: 1,
      queued: 1,
    });
  });

  it('takes times as Date, ISO string or number', async () => {
    for (const date of [new Date(5), new Date(5).toISOString(), 5]) {
      assert.equal((await connection.runAt(date, { a: 1 }, 'w')).date, '1970-01-01T00:00:00.005Z');
    }
    await assert.rejects(connection.runAt('never', {}, 'w'), /date/);
  });
});
