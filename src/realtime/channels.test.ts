// The real channels over a real SQLite database in a temporary directory; the clients' ends are recorders, and the clock is
// moved by hand.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it, mock } from 'node:test';
import { createDocuments, type Documents } from '../documents/index.ts';
import type { Storage } from '../ports/storage.ts';
import { openSqliteStorage } from '../storage/sqlite/open-sqlite-storage.ts';
import type { EventSink } from './channel.ts';
import { watchChannels } from './channel-storage.ts';
import { type Channels, createChannels } from './channels.ts';
import { createListenerStore, sweepListeners } from './listener-store.ts';

class Recorder implements EventSink {
  text = '';
  bufferedBytes = 0;
  ended = false;
  destroyed = false;
  #onClose: () => void = () => undefined;
  /** The stream is broken in a way that its owner has not noticed. */
  throwsOnSend = false;
  send(chunk: Uint8Array) {
    if (this.throwsOnSend) throw new Error('cannot be written to');
    this.text += Buffer.from(chunk).toString();
  }
  end() {
    this.ended = true;
    this.#onClose();
  }
  destroy() {
    this.destroyed = true;
    this.#onClose();
  }
  onClose(listener: () => void) {
    this.#onClose = listener;
  }
  leave() {
    this.#onClose();
  }
  get events() {
    return [...this.text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] as string) as unknown);
  }
}

const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
const hourMs = 3_600_000;

describe('channels', () => {
  let directory: string;
  let database: Storage;
  let documents: Documents;
  let channels: Channels;
  let warnings: string[];
  /** Runs between the reading of a listener and what is done with it. */
  let afterReading: () => Promise<unknown>;
  let now: number;
  let spaceNumber = 0;
  let space: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tackle-channels-'));
    database = await openSqliteStorage({ directory, minFreeBytes: 0 });
  });
  after(async () => {
    await database[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => {
    mock.timers.enable({ apis: ['setInterval'] });
    now = Date.now();
    warnings = [];
    afterReading = async () => undefined;
    spaceNumber += 1;
    space = `space${spaceNumber}`;
    const clock = { now: () => now };
    const store = () => createListenerStore(documents);
    channels = createChannels({
      async findListener(...target) {
        const found = await store().findListener(...target);
        await afterReading();
        return found;
      },
      removeListeners: (...target) => store().removeListeners(...target),
      onWarning: (_spaceId, message) => warnings.push(message),
      maxClientsPerSpace: 3,
      clock,
    });
    documents = createDocuments(watchChannels(database, channels, { eventLifetimeMs: 600_000, clock }));
  });
  afterEach(() => {
    channels.close();
    mock.timers.reset();
  });

  const createListener = async (subscribe?: object): Promise<string> => {
    const timestamp = new Date(now).toISOString();
    const stored = await documents.forSpace(space).insertOne('_event_listeners_news', { subscribe, timestamp });
    return JSON.parse(stored)._id;
  };
  const connect = async (listenerId: string) => {
    const sink = new Recorder();
    const result = await channels.connect({ spaceId: space, channelName: 'news', listenerId }, () => sink);
    return { sink, result };
  };
  const publish = async (data: unknown, query: object = {}) => {
    await documents.forSpace(space).insertOne('_event_publish_news', { channel: '/news', data, query });
    await settle();
  };
  const countListeners = async () => (await documents.forSpace(space).count('_event_listeners_news')).count;

  it('deliver what is committed, to the space that it is committed in', async () => {
    const { sink } = await connect(await createListener({ topic: 'a' }));
    await publish({ n: 1 }, { topic: 'a' });
    await publish({ n: 2 }, { topic: 'b' });
    await documents.forSpace('other').insertOne('_event_publish_news', { data: { n: 3 } });
    await publish('text with\nline breaks');
    assert.deepEqual(sink.events, [{ n: 1 }, 'text with\nline breaks']);
  });
  it('let published events expire', async () => {
    await publish({ n: 1 });
    const page = await database.read({
      kind: 'document.count',
      space,
      collection: '_event_publish_news',
      filter: { kind: 'and', filters: [] },
    });
    assert.equal(page.count, 1);
    now -= 600_000 - 100;
    await publish({ n: 2 });
    const count = async () => (await documents.forSpace(space).count('_event_publish_news')).count;
    while ((await count()) > 1) await settle();
    assert.equal(await count(), 1, 'the first one has longer to live');
  });
  it('remove a listener whose client has been gone for half a minute, and not before', async () => {
    const id = await createListener();
    const { sink } = await connect(id);
    sink.leave();
    now += 29_000;
    mock.timers.tick(10_000);
    await settle();
    assert.equal(await countListeners(), 1);
    const again = await connect(id);
    now += 60_000;
    mock.timers.tick(10_000);
    await settle();
    assert.equal(await countListeners(), 1, 'it is connected again');
    again.sink.leave();
    now += 31_000;
    mock.timers.tick(10_000);
    while ((await countListeners()) > 0) await settle();
    assert.equal((await connect(id)).result, 'unknown-listener');
  });
  it('keep a listener while one of its two clients is there', async () => {
    const id = await createListener();
    const [first, second] = [await connect(id), await connect(id)];
    first.sink.leave();
    now += 60_000;
    mock.timers.tick(10_000);
    await settle();
    assert.equal(await countListeners(), 1);
    await publish(1);
    assert.deepEqual(second.sink.events, [1]);
  });
  it('cut off a client that does not read, and nobody else', async () => {
    const [slow, fast] = [await connect(await createListener()), await connect(await createListener())];
    slow.sink.bufferedBytes = 300 * 1024;
    await publish(1);
    await publish(2);
    assert.ok(slow.sink.destroyed);
    assert.deepEqual(slow.sink.events, [1]);
    assert.deepEqual(fast.sink.events, [1, 2]);
  });
  it('follow a listener that is changed', async () => {
    const id = await createListener({ topic: 'a' });
    const { sink } = await connect(id);
    await documents.forSpace(space).updateOne('_event_listeners_news', id, { $set: { subscribe: { topic: 'b' } } });
    await settle();
    await publish('a', { topic: 'a' });
    await publish('b', { topic: 'b' });
    assert.deepEqual(sink.events, ['b']);
  });
  it('follow a listener that is changed or removed while its client connects', async () => {
    const id = await createListener({ topic: 'a' });
    const once = (work: () => Promise<unknown>) => {
      afterReading = () => {
        afterReading = async () => undefined;
        return work();
      };
    };
    once(() =>
      documents.forSpace(space).updateOne('_event_listeners_news', id, { $set: { subscribe: { topic: 'b' } } }),
    );
    const { sink } = await connect(id);
    await publish('a', { topic: 'a' });
    await publish('b', { topic: 'b' });
    assert.deepEqual(sink.events, ['b']);
    once(() => documents.forSpace(space).removeMany('_event_listeners_news', { _id: id }));
    assert.equal((await connect(id)).result, 'unknown-listener');
  });
  it('take the last change of a listener when an earlier one is read more slowly', async () => {
    const id = await createListener({ topic: 'a' });
    const { sink } = await connect(id);
    const change = (topic: string) =>
      documents.forSpace(space).updateOne('_event_listeners_news', id, { $set: { subscribe: { topic } } });
    const reading = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    afterReading = () => {
      afterReading = async () => undefined;
      reading.resolve();
      return slow.promise;
    };
    await change('b');
    await reading.promise;
    await change('c');
    await settle();
    slow.resolve();
    await settle();
    await publish('b', { topic: 'b' });
    await publish('c', { topic: 'c' });
    assert.deepEqual(sink.events, ['c']);
  });
  it('keep the listener of a client that is about to come back', async () => {
    const id = await createListener();
    const { sink } = await connect(id);
    sink.leave();
    now += 31_000;
    afterReading = async () => {
      mock.timers.tick(10_000);
      await settle();
    };
    assert.equal((await connect(id)).result, 'open');
    assert.equal(await countListeners(), 1);
  });
  it('end when listeners, their collection or their space are removed', async () => {
    const [one, two, three] = [await createListener(), await createListener(), await createListener()];
    const sinks = [await connect(one), await connect(two), await connect(three)].map(({ sink }) => sink);
    await documents.forSpace(space).removeMany('_event_listeners_news', { _id: { $in: [one] } });
    await settle();
    assert.deepEqual(
      sinks.map(({ ended }) => ended),
      [true, false, false],
    );
    await documents.forSpace(space).dropCollection('_event_listeners_news');
    await settle();
    assert.deepEqual(
      sinks.map(({ ended }) => ended),
      [true, true, true],
    );
    const { sink } = await connect(await createListener());
    await documents.removeSpace(space);
    assert.ok(sink.ended);
  });
  it('refuse more clients than a space may have', async () => {
    const ids = await Promise.all([createListener(), createListener(), createListener(), createListener()]);
    const results = [];
    for (const id of ids) results.push((await connect(id)).result);
    assert.deepEqual(results, ['open', 'open', 'open', 'too-many']);
  });
  it('refuse clients beyond that number also when they come at once', async () => {
    const ids = await Promise.all([1, 2, 3, 4, 5].map(() => createListener()));
    const results = (await Promise.all(ids.map(connect))).map(({ result }) => result);
    assert.deepEqual(results.toSorted(), ['open', 'open', 'open', 'too-many', 'too-many']);
    assert.equal(channels.clientCount, 3);
  });

  it('say in the log of the app that a query cannot be read, or never ends', async () => {
    const { sink } = await connect(await createListener({ text: 'a'.repeat(60) }));
    await publish(1, { $nope: 1 });
    await publish(2, { text: { $regex: '^(a+)+$b' } });
    await publish(3);
    assert.deepEqual(sink.events, [3]);
    assert.match(warnings[0] as string, /sent to nobody/);
  });
  it('ping those who are idle', async () => {
    const { sink } = await connect(await createListener());
    mock.timers.tick(25_000);
    assert.match(sink.text, /:ping\n\n$/);
  });
  it('cut off a client whose stream is broken, and serve the others', async () => {
    const [broken, whole] = [await connect(await createListener()), await connect(await createListener())];
    broken.sink.throwsOnSend = true;
    mock.timers.tick(25_000);
    assert.ok(broken.sink.destroyed);
    assert.match(whole.sink.text, /:ping\n\n$/);
    await publish(1);
    assert.deepEqual(whole.sink.events, [1]);
  });
  it('forget listeners that nobody used for a day', async () => {
    const [unused, used] = [await createListener(), await createListener()];
    await connect(used);
    const listSpaceIds = () => [space];
    now += 23 * hourMs;
    const clock = { now: () => now };
    await sweepListeners({ documents, channels, listSpaceIds, clock });
    assert.equal(await countListeners(), 2);
    now += 2 * hourMs;
    await sweepListeners({ documents, channels, listSpaceIds, clock });
    assert.equal(await documents.forSpace(space).findOneOrNull('_event_listeners_news', unused), null);
    assert.equal(await countListeners(), 1);
  });
});
