// Framing on the gateway's side. Real: reader and writer over a socket pair. Fake: nothing. What the process does with
// frames is tested by the conformance suite.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { frameHeaderBytes, maxFrameBytes } from '../runtime/protocol.ts';
import { FrameReader, ProtocolViolation } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';

interface Frame {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
}

function encode({ type, id, payload }: Frame): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  head.writeUInt32LE(payload.length + frameHeaderBytes - 4, 0);
  head[4] = type;
  head.writeUInt32LE(id, 5);
  return Buffer.concat([head, payload]);
}

function collect(): { readonly frames: Frame[]; readonly reader: FrameReader } {
  const frames: Frame[] = [];
  const reader = new FrameReader((type, id, bytes, start, end) => {
    frames.push({ type, id, payload: Buffer.from(bytes.subarray(start, end)) });
  });
  return { frames, reader };
}

const frameArbitrary = fc.record(
  {
    type: fc.integer({ min: 0, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

describe('reading frames', () => {
  test('the frames are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map(encode));
          const { frames: read, reader } = collect();
          for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
            const size = cuts[turn % cuts.length]!;
            reader.push(Buffer.from(bytes.subarray(offset, offset + size)));
            offset += size;
          }
          assert.deepEqual(read, frames);
        },
      ),
    );
  });

  test('a frame longer than allowed, or shorter than its header, is a violation as soon as its length is known', () => {
    for (const length of [maxFrameBytes - 3, 0xffff_ffff, 0, 4]) {
      const head = Buffer.alloc(frameHeaderBytes);
      head.writeUInt32LE(length, 0);
      assert.throws(() => collect().reader.push(head), ProtocolViolation, `length ${length}`);
      const { reader } = collect();
      assert.throws(() => {
        for (const byte of head) reader.push(Buffer.from([byte]));
      }, ProtocolViolation);
    }
  });

  test('random bytes give frames or a violation, never another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        try {
          collect().reader.push(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof ProtocolViolation);
        }
      }),
    );
  });

  test('the largest frame arrives whole, in pieces of one socket read', () => {
    const payload = Buffer.alloc(maxFrameBytes - frameHeaderBytes, 7);
    const bytes = encode({ type: 64, id: 2, payload });
    const { frames, reader } = collect();
    for (let offset = 0; offset < bytes.length; offset += 65_536) reader.push(bytes.subarray(offset, offset + 65_536));
    assert.equal(frames.length, 1);
    assert.ok(frames[0]!.payload.equals(payload));
  });
});

describe('writing frames', () => {
  test('what is written is what is read, in order, small and large', async () => {
    const [near, far] = await socketPair();
    const writer = new FrameWriter(near);
    const { frames, reader } = collect();
    far.on('data', (chunk: Buffer) => reader.push(chunk));
    const large = Buffer.alloc(300_000, 1);
    writer.send(1, 1, 'text with ümlauts');
    writer.sendBytes(2, 2, large);
    writer.sendJson(3, 3, { a: 1 });
    writer.sendUint32(4, 4, 0xffff_fffe);
    writer.sendRequest(5, 5, 1, '{"head":"ä"}', Buffer.from('body'));
    writer.sendRequest(6, 6, 1, '{}', large);
    for (let index = 0; index < 5000; index++) writer.send(7, index, 'x'.repeat(index % 50));
    writer.send(8, 8, 'last');
    while (frames.at(-1)?.type !== 8) await once(far, 'data');
    near.destroy();
    far.destroy();
    assert.equal(frames[0]!.payload.toString(), 'text with ümlauts');
    assert.ok(frames[1]!.payload.equals(large));
    assert.equal(frames[2]!.payload.toString(), '{"a":1}');
    assert.equal(frames[3]!.payload.readUInt32LE(0), 0xffff_fffe);
    const request = frames[4]!.payload;
    assert.equal(request[0], 1);
    const headBytes = request.readUInt32LE(1);
    assert.equal(request.toString('utf8', 5, 5 + headBytes), '{"head":"ä"}');
    assert.equal(request.toString('utf8', 5 + headBytes), 'body');
    assert.equal(frames[5]!.payload.length, 5 + 2 + large.length);
    assert.deepEqual(
      frames.slice(6, -1).map(({ id, payload }) => [id, payload.length]),
      Array.from({ length: 5000 }, (_, index) => [index, index % 50]),
    );
  });
});

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [near, far];
}
