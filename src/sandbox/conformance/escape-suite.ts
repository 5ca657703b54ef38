import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Sandbox } from '../../ports/sandbox.ts';
import { type EscapeProbe, probesInApp, probesInWorker } from './escape-probes.ts';
import { eventually, type OpenSandbox, startTestApp, type TestApp } from './harness.ts';

/** Every way out is refused or contained, and the next request of another app is unaffected. */
export function describeEscapes(name: string, open: OpenSandbox): void {
  describe(`ways out (${name})`, { concurrency: 1 }, () => {
    let sandbox: Sandbox;
    let neighbour: TestApp;
    let hostile: TestApp;

    before(async () => {
      sandbox = await open();
      [neighbour, hostile] = await Promise.all([startTestApp(sandbox), startTestApp(sandbox)]);
    });
    after(async () => {
      await sandbox[Symbol.asyncDispose]();
    });

    const assertUnaffected = async () => {
      const started = performance.now();
      assert.equal((await neighbour.get('/hello', { timeoutMs: 2000 })).status, 200);
      const took = performance.now() - started;
      assert.ok(took < 1000, `the neighbour took ${took} ms`);
    };

    describe('in the app', () => {
      for (const probe of probesInApp) {
        test(probe.name, async () => {
          await assertHeld(
            probe,
            hostile.evaluate(`const deno = globalThis.Deno; ${probe.code}`, null, { timeoutMs: 4000 }),
          );
          await assertUnaffected();
        });
      }
    });

    describe('in a worker', () => {
      for (const probe of probesInWorker) {
        test(probe.name, async () => {
          await assertHeld(probe, hostile.evaluate(inWorker(probe.code), null, { timeoutMs: 4000 }));
          await assertUnaffected();
        });
      }
      before(async () => {
        await hostile.process.stop(0);
        hostile = await startTestApp(sandbox);
      });
    });

    test('after all of it nothing has been written and the app still runs', async () => {
      assert.equal(await hostile.evaluate('return 1'), 1);
    });
  });
}

async function assertHeld(probe: EscapeProbe, attempt: Promise<unknown>): Promise<void> {
  if (probe.refusal) {
    await assert.rejects(attempt, (error: Error) => {
      const text = `${error.name}: ${error.message}`;
      assert.match(text, probe.refusal!);
      assert.doesNotMatch(text, /app_timeout/);
      return true;
    });
  } else assert.deepEqual(await attempt, probe.value);
}

/** Runs code in a worker of its own and ends it. */
function inWorker(code: string): string {
  const module = `
    self.addEventListener('error', (event) => event.preventDefault());
    self.addEventListener('unhandledrejection', (event) => event.preventDefault());
    try { postMessage({ value: await (async () => { ${code} })() }); }
    catch (error) { postMessage({ error: { name: error?.name, message: String(error?.message ?? error) } }); }`;
  return `
    const worker = new Worker(URL.createObjectURL(new Blob([${JSON.stringify(module)}], { type: 'text/javascript' })), { type: 'module' });
    try {
      const { value, error } = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => { event.preventDefault(); reject(new Error(event.message)); };
      });
      if (error) throw Object.assign(new Error(error.message), { name: error.name });
      return value;
    } finally { worker.terminate(); }`;
}

/** What cannot be refused is contained: it harms the process that does it, and nobody else. */
export function describeContainment(open: OpenSandbox): void {
  describe('containment', { concurrency: 1 }, () => {
    let sandbox: Sandbox;
    let neighbour: TestApp;

    before(async () => {
      sandbox = await open();
      neighbour = await startTestApp(sandbox);
    });
    after(async () => {
      await sandbox[Symbol.asyncDispose]();
    });

    /** Asks the neighbour all the while; returns its slowest answer. */
    async function whileNeighbourAnswers(work: Promise<unknown>): Promise<number> {
      let done = false;
      work
        .catch(() => {})
        .finally(() => {
          done = true;
        });
      let slowest = 0;
      do {
        const started = performance.now();
        assert.equal((await neighbour.get('/hello', { timeoutMs: 5000 })).status, 200);
        slowest = Math.max(slowest, performance.now() - started);
        await new Promise((resolve) => setTimeout(resolve, 5));
      } while (!done);
      return slowest;
    }

    const forged: [string, string, RegExp][] = [
      ['a frame longer than allowed', 'raw(0xffffffff, 39, 1)', /A frame of \d+ bytes/],
      ['a frame shorter than its header', 'raw(1, 39, 1)', /A frame of 5 bytes/],
      ['a type that does not exist', 'frame(200, 2)', /that nothing waits for/],
      ['an answer to a request that never was', 'frame(35, 4000000000, new Uint8Array(6))', /never was/],
      ['an answer without head', 'frame(35, input.id)', /without head|not a request/],
      ['a second manifest', 'frame(33, 0, json({}))', /never was|unknown/],
      ['a call that is no JSON', 'frame(39, 77, call(0, "x", "{"))', /should hold JSON/],
      ['a call in the name of an invocation that never was', 'frame(39, 77, call(4000000000, "x", "{}"))', /never was/],
      ['a call with a broken head', 'frame(39, 77, new Uint8Array([0, 0, 0, 0, 255, 1]))', /broken head/],
      ['a log line of an unknown type', 'frame(40, 0, new Uint8Array([9, 65]))', /unknown type/],
      ['data for a stream that never was', 'frame(64, 4000000001, new Uint8Array(10))', /never was/],
      ['a stream to nowhere', 'frame(42, 900001, json({ kind: "file", path: "/etc/passwd" }))', /nowhere/],
      [
        'two thousand open calls',
        'for (let n = 0; n < 2000; n++) frame(39, 100000 + n, call(0, "hang", "{}"))',
        /1024 calls/,
      ],
      [
        'the same call twice',
        'frame(39, 77, call(0, "hang", "{}")); frame(39, 77, call(0, "hang", "{}"))',
        /open already/,
      ],
    ];
    for (const [name, code, expected] of forged) {
      test(`forged protocol: ${name} ends the process`, async () => {
        const hostile = await startTestApp(sandbox, { host: () => new Promise(() => {}) });
        const attempt = hostile.evaluate(`${forgeFrames} ${code}; await flush(); await new Promise(() => {})`, {
          id: 2,
        });
        await assert.rejects(attempt, { code: 'app_crashed' });
        const exit = await hostile.process.exited;
        assert.equal(exit.reason, 'protocol-violation');
        assert.match(exit.stderr, expected);
        assert.equal((await neighbour.get('/hello')).status, 200);
      });
    }

    test('forged protocol: calls reach the host functions of their own connection only, whatever they say', async () => {
      await using hostile = await startTestApp(sandbox);
      const before = neighbour.calls.length;
      await hostile.evaluate(
        `${forgeFrames} frame(39, 77, call(0, 'documents.find', JSON.stringify({ space: 'other/prod', project: 'other' }))); await flush();`,
      );
      await eventually(() => hostile.calls.length === 1, 'the forged call');
      assert.equal(neighbour.calls.length, before);
    });

    test('forged protocol: more data than there was credit for ends the process', async () => {
      const hostile = await startTestApp(sandbox);
      const response = hostile.get('/never');
      const attempt =
        hostile.evaluate(`${forgeFrames} frame(36, 2, concat([new Uint8Array([200, 0, 2, 0, 0, 0]), text('[]')]));
        for (let n = 0; n < 20; n++) frame(64, 2, new Uint8Array(100_000)); await flush(); await new Promise(() => {})`);
      assert.equal((await response).status, 200);
      await assert.rejects(attempt, { code: 'app_crashed' });
      assert.match((await hostile.process.exited).stderr, /credit/);
    });

    test('forged protocol: credit that nobody used ends the process', async () => {
      const hostile = await startTestApp(sandbox);
      const body = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
      hostile.get('/never', { body }).catch(() => {});
      const attempt = hostile.evaluate(
        `${forgeFrames} frame(67, 2, new Uint8Array([255, 255, 255, 255])); await flush(); await new Promise(() => {})`,
      );
      await assert.rejects(attempt, { code: 'app_crashed' });
      assert.match((await hostile.process.exited).stderr, /credit/);
    });

    test('forged protocol: noise ends the process and nothing else', async () => {
      const hostile = await startTestApp(sandbox);
      const attempt = hostile.evaluate(
        `${forgeFrames} send(crypto.getRandomValues(new Uint8Array(60000))); await flush(); await new Promise(() => {})`,
      );
      await assert.rejects(attempt);
      assert.equal((await hostile.process.exited).reason, 'protocol-violation');
    });

    test('garbage on stdout and stderr is log lines', async () => {
      await using hostile = await startTestApp(sandbox);
      await hostile.evaluate(
        `globalThis.Deno.stdout.writeSync(new TextEncoder().encode('\\u0000garbage{"a":\\n')); globalThis.Deno.stderr.writeSync(new Uint8Array([255, 254, 10]))`,
      );
      await eventually(() => hostile.logs.some(({ context }) => context === 'stdout'), 'the line');
      assert.equal(await hostile.evaluate('return 1'), 1);
    });

    test("a flood on stdout is taken slowly, and is not the gateway's load", async () => {
      const hostile = await startTestApp(sandbox);
      const flood = hostile.evaluate(
        `const line = new TextEncoder().encode('x'.repeat(100) + '\\n'); const until = performance.now() + 1500; while (performance.now() < until) globalThis.Deno.stdout.writeSync(line)`,
        null,
        { timeoutMs: 2000 },
      );
      const slowest = await whileNeighbourAnswers(flood);
      assert.ok(slowest < 500, `${slowest} ms`);
      assert.ok(hostile.logs.length < 12_000, `${hostile.logs.length} lines`);
      await hostile.process.stop(0);
    });

    test('a flood of log lines loses lines, and says so', async () => {
      await using hostile = await startTestApp(sandbox);
      const flood = hostile.evaluate(
        `const until = performance.now() + 1000; let n = 0; while (performance.now() < until) { for (let k = 0; k < 1000; k++) console.log('line', n++); await new Promise((done) => setTimeout(done, 0)); }`,
      );
      const slowest = await whileNeighbourAnswers(flood);
      await flood;
      assert.ok(slowest < 500, `${slowest} ms`);
      assert.ok(hostile.logs.length < 12_000, `${hostile.logs.length} lines`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await hostile.evaluate('console.log("after")');
      assert.ok(hostile.logs.some(({ log }) => /lines were dropped/.test(log)));
    });

    test('a flood of calls is served in turn', async () => {
      await using hostile = await startTestApp(sandbox);
      const flood = hostile.evaluate(
        `const until = performance.now() + 1000; let n = 0; while (performance.now() < until) { await Promise.all(Array.from({ length: 500 }, () => host.call('x', {}))); n += 500; } return n`,
      );
      const slowest = await whileNeighbourAnswers(flood);
      assert.ok(slowest < 500, `${slowest} ms`);
      await flood;
    });

    const ends: [string, string, RegExp][] = [
      ['an exit by the runtime', 'globalThis.Deno.exit(7)', /crashed/],
      ['a recursion in the runtime', 'const f = () => f(); try { f() } catch {} ; globalThis.Deno.exit()', /crashed/],
      [
        'an ArrayBuffer after the other',
        'globalThis.kept = []; for (;;) { kept.push(new Uint8Array(32e6).fill(1)); await new Promise((done) => setTimeout(done, 1)) }',
        /out-of-memory|crashed/,
      ],
      [
        'memory of WebAssembly',
        'const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); for (;;) { memory.grow(512); new Uint8Array(memory.buffer).fill(1); await new Promise((done) => setTimeout(done, 1)) }',
        /out-of-memory|crashed/,
      ],
      ['a heap that only grows', 'globalThis.kept = []; for (;;) kept.push(new Array(1000).fill({}))', /out-of-memory/],
      [
        'promises that make promises',
        'const fork = () => { Promise.resolve().then(fork); Promise.resolve().then(fork) }; fork(); await new Promise(() => {})',
        /out-of-memory|unresponsive/,
      ],
      [
        'strings that double',
        'globalThis.kept = []; for (;;) { let s = "x".repeat(1e6); for (let n = 0; n < 6; n++) s += s; kept.push(s.split("")); }',
        /out-of-memory|unresponsive/,
      ],
      [
        'workers that start workers',
        `
        const source = 'const url = URL.createObjectURL(new Blob(["for (;;);"], { type: "text/javascript" })); for (let n = 0; n < 2000; n++) new Worker(url, { type: "module" })';
        new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), { type: 'module' }); await new Promise(() => {})`,
        /out-of-memory|crashed|unresponsive/,
      ],
    ];
    for (const [name, code, expected] of ends) {
      test(`${name}: the process ends, the neighbour answers all the while`, async () => {
        const hostile = await startTestApp(sandbox, { limits: { memoryMb: 96, evaluationTimeoutMs: 5000 } });
        const attempt = hostile.evaluate(code, null, { timeoutMs: 60_000 });
        const slowest = await whileNeighbourAnswers(attempt);
        await assert.rejects(attempt, (error: Error & { code?: string }) =>
          /^app_(crashed|unresponsive)$/.test(error.code ?? ''),
        );
        assert.match((await hostile.process.exited).reason, expected);
        assert.ok(slowest < 2000, `the neighbour took ${slowest} ms`);
      });
    }

    describe('standing still', { concurrency: true }, () => {
      const stuck: [string, string][] = [
        ['a loop', 'for (;;);'],
        ['a regular expression', '/^(a+)+$/.test("a".repeat(60) + "b")'],
        [
          'a microtask that queues itself',
          'const again = () => queueMicrotask(again); again(); await new Promise(() => {})',
        ],
        ['Atomics.wait', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'],
      ];
      for (const [name, code] of stuck) {
        test(`${name}: killed after five seconds without heartbeat`, async () => {
          const hostile = await startTestApp(sandbox);
          await assert.rejects(hostile.evaluate(code, null, { timeoutMs: 60_000 }), { code: 'app_unresponsive' });
          assert.equal((await neighbour.get('/hello')).status, 200);
        });
      }
    });

    test('prototypes that were patched harm only their own app', async () => {
      const hostile = await startTestApp(sandbox);
      const attempt = hostile.evaluate(
        `
        Uint8Array.prototype.set = () => {}; JSON.stringify = () => '{'; Promise.prototype.then = () => {}; Array.prototype.push = () => 0;
        Object.prototype.toJSON = () => 'x'; globalThis.TextEncoder = null; DataView.prototype.setUint32 = () => {}; return 1`,
        null,
        { timeoutMs: 1000 },
      );
      await assert.rejects(attempt);
      assert.equal((await neighbour.get('/hello')).status, 200);
      await hostile.process.stop(0);
    });

    test('a used process never serves another app', async () => {
      const first = await startTestApp(sandbox);
      await first.evaluate('globalThis.secret = "first"; globalThis.Promise.leak = "first"');
      await first.process.stop(0);
      for (let round = 0; round < 3; round++) {
        await using next = await startTestApp(sandbox);
        assert.deepEqual(await next.evaluate('return [typeof globalThis.secret, typeof Promise.leak]'), [
          'undefined',
          'undefined',
        ]);
      }
    });
  });
}

/** In the app: raw access to the control socket, as hostile code finds it by trying all resource ids of the runtime. */
const forgeFrames = `
  const core = globalThis.Deno[globalThis.Deno.internal].core;
  const out = [];
  const send = (bytes) => out.push(bytes);
  const raw = (length, type, id) => { const f = new Uint8Array(9); const v = new DataView(f.buffer); v.setUint32(0, length, true); f[4] = type; v.setUint32(5, id, true); send(f); };
  const frame = (type, id, payload = new Uint8Array(0)) => { raw(5 + payload.length, type, id); send(payload); };
  const text = (value) => new TextEncoder().encode(value);
  const json = (value) => text(JSON.stringify(value));
  const call = (invocation, method, params) => { const head = new Uint8Array(5); new DataView(head.buffer).setUint32(0, invocation, true); head[4] = method.length; return concat([head, text(method), text(params)]); };
  const concat = (parts) => { const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0)); let at = 0; for (const p of parts) { all.set(p, at); at += p.length; } return all; };
  const flush = async () => {
    const bytes = concat(out);
    for (let rid = 3; rid < 64; rid++) {
      try { for (let at = 0; at < bytes.length; ) at += await core.write(rid, bytes.subarray(at)); return; } catch {}
    }
    throw new Error('no way to the socket was found');
  };`;
