import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { TackleError } from '../../core/errors.ts';
import type { Sandbox } from '../../ports/sandbox.ts';
import {
  evaluatorCode,
  eventually,
  type OpenSandbox,
  readBody,
  startTestApp,
  type TestApp,
  testRequest,
} from './harness.ts';

/** What every sandbox owes: starting, requests, tasks, host calls, streams, limits, ends. */
export function describeProcesses(open: OpenSandbox): void {
  describe('app processes', { concurrency: 1 }, () => {
    let sandbox: Sandbox;
    let app: TestApp;

    before(async () => {
      sandbox = await open();
      app = await startTestApp(sandbox);
    });
    after(async () => {
      await sandbox[Symbol.asyncDispose]();
    });

    test('libraries that look for files, threads or Node find none of the first two, and the third', async () => {
      const code = `
        const fs = require('fs'), threads = require('worker_threads'), codes = [];
        codes.push(fs.existsSync('/etc/passwd'));
        await new Promise((done) => fs.readFile('/a', 'utf8', (error) => { codes.push(error.code); done(); }));
        await require('fs/promises').stat('/a').catch((error) => codes.push(error.code));
        try { fs.writeFileSync('/a', ''); } catch (error) { codes.push(error.code); }
        threads.markAsUncloneable({});
        return [...codes, threads.isMainThread, Object.prototype.toString.call(process)];`;
      const expected = [false, 'ENOENT', 'ENOENT', 'EROFS', true, '[object process]'];
      assert.deepEqual(await app.evaluate(code), expected);
    });

    describe('starting', () => {
      test('an app that throws while it is evaluated says what and where', async () => {
        const code = `${evaluatorCode}\nthrow new RangeError('no such planet');`;
        await assert.rejects(startTestApp(sandbox, { code }), (error: TackleError) => {
          assert.equal(error.code, 'deploy_failed');
          assert.equal(error.message, 'The app did not start: RangeError: no such planet');
          assert.match(stackOf(error), /RangeError: no such planet\n\s+at .*app\.js:\d+:7/);
          return true;
        });
      });

      test('positions in stacks are positions in the code', async () => {
        const code = `globalThis.__tackleExports = {};\n\n    null.x;`;
        await assert.rejects(startTestApp(sandbox, { code }), (error: TackleError) =>
          /app\.js:3:10/.test(stackOf(error)),
        );
      });

      const broken: [string, string, RegExp][] = [
        ['code that is not JavaScript', 'let = ;', /SyntaxError/],
        ['code that exports nothing', '1 + 1', /no exports/],
        ['exports whose promise rejects', `globalThis.__tackleExports = Promise.reject(new Error('later'))`, /later/],
        ['a throw of null', 'throw null', /not an Error/],
        [
          'a throw of something that cannot be shown',
          'throw { toString() { throw 1 }, get message() { throw 2 } }',
          /did not start/,
        ],
        [
          'a manifest that is not one',
          'globalThis.__tackleExports = { manifest: { routes: [1] } }',
          /protocol-violation.*routes/s,
        ],
      ];
      for (const [name, code, expected] of broken) {
        test(`${name} fails the start`, async () => {
          await assert.rejects(startTestApp(sandbox, { code }), (error: TackleError) => {
            assert.equal(error.code, 'deploy_failed');
            assert.match(error.message, expected);
            return true;
          });
        });
      }

      test('code that never returns, and exports that never resolve, run into the time limit', async () => {
        const limits = { memoryMb: 256, evaluationTimeoutMs: 300 };
        for (const code of ['for (;;);', 'globalThis.__tackleExports = new Promise(() => {})']) {
          await assert.rejects(startTestApp(sandbox, { code, limits }), /not evaluated within 300 ms/);
        }
      });

      test('exports may be a promise', async () => {
        const code = `globalThis.__tackleExports = Promise.resolve({ manifest: { routes: ['GET /a'], hasStartup: true } })`;
        await using other = await startTestApp(sandbox, { code });
        assert.deepEqual(other.process.manifest.routes, ['GET /a']);
        assert.equal(other.process.manifest.hasStartup, true);
      });

      test('a bundle of several megabytes loads', async () => {
        await using other = await startTestApp(sandbox, { code: `${evaluatorCode}\n//${'x'.repeat(12_000_000)}` });
        assert.equal(await other.evaluate('return 1'), 1);
      });

      test('module level may log and call the host, outside of any invocation', async () => {
        const code = `console.log('hi', { a: 1 }); globalThis.__tackleExports = host.call('first', {}).then(() => ({}))`;
        await using other = await startTestApp(sandbox, { code });
        assert.deepEqual(
          other.calls.map(({ method, invocation }) => [method, invocation]),
          [['first', null]],
        );
        assert.equal(other.logs[0]!.log, 'hi { a: 1 }');
        assert.equal(other.logs[0]!.context, 'background');
      });

      test('ten apps start at once, each in a process of its own', async () => {
        const apps = await Promise.all(Array.from({ length: 10 }, () => startTestApp(sandbox)));
        const answers = await Promise.all(
          apps.map((other, index) => other.evaluate('globalThis.mine ??= input; return globalThis.mine', index)),
        );
        assert.deepEqual(answers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        await Promise.all(apps.map((other) => other.process.stop(0)));
      });
    });

    describe('requests', () => {
      test('status, repeated headers and body arrive as they were given', async () => {
        const response = await app.get('/hello');
        assert.equal(response.status, 200);
        assert.deepEqual(response.headers, [
          ['content-type', 'text/plain'],
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ]);
        assert.equal((await readBody(response)).toString(), 'hello');
      });

      test('the head arrives as it was sent', async () => {
        const { body: _body, ...head } = { ...testRequest, path: '/head' };
        const answer = JSON.parse((await readBody(await app.get('/head'))).toString());
        assert.deepEqual(answer, head);
      });

      for (const bytes of [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 9_000_000]) {
        test(`a body of ${bytes} bytes arrives whole`, async () => {
          const body = Buffer.alloc(bytes, 'abcdefg');
          const answer = JSON.parse((await readBody(await app.get('/checksum', { body }))).toString());
          assert.deepEqual(answer, { length: bytes, hash: createHash('sha256').update(body).digest('hex') });
        });
      }

      test('bodies stream both ways, at the same time, with back-pressure', async () => {
        let produced = 0;
        const body = new ReadableStream<Uint8Array>({
          pull(controller) {
            if (produced === 400) controller.close();
            else controller.enqueue(new Uint8Array(50_000).fill(produced++ % 256));
          },
        });
        const response = await app.get('/echo', { body });
        const reader = (response.body as ReadableStream<Uint8Array>).getReader();
        await reader.read();
        await new Promise((resolve) => setTimeout(resolve, 200));
        assert.ok(produced < 100, `the producer was held back (${produced} of 400 chunks)`);
        let total = 0;
        for (let part = await reader.read(); !part.done; part = await reader.read()) total += part.value.length;
        assert.ok(total > 400 * 50_000 - 100_000 && produced === 400);
      });

      test('a large answer given at once comes whole', async () => {
        const body = await readBody(await app.get('/large'));
        assert.equal(body.length, 20_000_000);
        assert.ok(body.every((byte) => byte === 7));
      });

      test('an app that writes without end is held back, and stops when the reader leaves', async () => {
        const logged = app.logs.length;
        const response = await app.get('/endless');
        const reader = (response.body as ReadableStream<Uint8Array>).getReader();
        await reader.read();
        await new Promise((resolve) => setTimeout(resolve, 100));
        const written = (await app.evaluate('return globalThis.written')) as number;
        assert.ok(written < 2_000_000, `${written} bytes`);
        await reader.cancel();
        await eventually(() => app.logs.slice(logged).some(({ log }) => log === 'aborted'), 'the signal');
        await eventually(
          () => app.logs.slice(logged).some(({ log }) => log.startsWith('write failed')),
          'the rejection',
        );
      });

      test('the head goes out before the first bytes of the body', async () => {
        const response = await app.get('/events');
        assert.ok(response.body instanceof ReadableStream);
        assert.equal((await readBody(response)).toString(), 'data: 1\n\n');
      });

      test('an answer without reading the body is an answer', async () => {
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => controller.enqueue(new Uint8Array(60_000)),
        });
        const response = await app.get('/ignore-body', { body });
        assert.equal(response.status, 413);
      });

      test('a handler that throws rejects with its message', async () => {
        await assert.rejects(app.get('/throw'), { code: 'internal', message: 'the handler threw' });
      });

      test('a body that breaks off is an error for its reader', async () => {
        await assert.rejects(async () => readBody(await app.get('/break')), /broke off/);
        await assert.rejects(async () => readBody(await app.get('/abort')), /given up/);
        await assert.rejects(app.get('/abort-at-once'), { code: 'internal', message: 'given up' });
      });

      test('a request body that breaks off is an error for the app', async () => {
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            controller.enqueue(new Uint8Array(10));
            controller.error(new Error('client gone'));
          },
        });
        await assert.rejects(app.get('/checksum', { body }), /client gone/);
      });

      test('thousands of requests at once all get their own answer', async () => {
        const answers = await Promise.all(
          Array.from({ length: 1000 }, async (_, index) => {
            const body = Buffer.from(`body ${index}`);
            const { hash } = JSON.parse((await readBody(await app.get('/checksum', { body }))).toString());
            return hash === createHash('sha256').update(body).digest('hex');
          }),
        );
        assert.ok(answers.every(Boolean));
        assert.equal(app.process.active, 0);
      });
    });

    describe('tasks and host calls', () => {
      test('a task gets its input and gives status and output', async () => {
        const result = await app.process.run(
          { kind: 'job', name: 'return { got: input, more: [1, null] }', input: { a: 'ä' } },
          { timeoutMs: 3000 },
        );
        assert.deepEqual(result, { status: 200, output: { got: { a: 'ä' }, more: [1, null] } });
      });

      test('a call carries the invocation that made it, also after an await, and its context', async () => {
        const codes = Array.from({ length: 20 }, (_, index) => index);
        await Promise.all(
          codes.map((index) =>
            app.evaluate(
              `await new Promise((done) => setTimeout(done, input % 7)); await host.call('which', { index: input })`,
              index,
              { context: { fence: index } },
            ),
          ),
        );
        const calls = app.calls.filter(({ method }) => method === 'which');
        assert.equal(calls.length, 20);
        for (const call of calls) {
          assert.deepEqual(call.invocation?.context, { fence: (call.params as { index: number }).index });
          assert.equal(call.invocation?.kind, 'worker');
        }
      });

      test('results, raw JSON, nothing, and errors with code and properties reach the app', async () => {
        await using other = await startTestApp(sandbox, {
          async host(method) {
            if (method === 'raw') return { rawJson: '{"as":"it is", "n":1.50}' };
            if (method === 'nothing') return undefined;
            throw Object.assign(new TackleError('schema_violation', 'not valid', { details: { field: 'a' } }), {
              schemaError: [1],
            });
          },
        });
        assert.equal(await other.evaluate(`return await host.callText('raw')`), '{"as":"it is", "n":1.50}');
        assert.deepEqual(await other.evaluate(`return await host.call('raw')`), { as: 'it is', n: 1.5 });
        assert.equal(await other.evaluate(`return typeof (await host.call('nothing'))`), 'undefined');
        assert.deepEqual(
          await other.evaluate(
            `try { await host.call('bad') } catch (e) { return { m: e.message, c: e.code, ...e, is: e instanceof Error } }`,
          ),
          {
            m: 'not valid',
            c: 'schema_violation',
            code: 'schema_violation',
            details: { field: 'a' },
            schemaError: [1],
            is: true,
          },
        );
      });

      test('a call after the invocation has ended counts as background', async () => {
        await app.evaluate(`setTimeout(() => host.call('afterwards', {}), 30)`);
        await eventually(() => app.calls.some(({ method }) => method === 'afterwards'), 'the late call');
        assert.equal(app.calls.find(({ method }) => method === 'afterwards')!.invocation, null);
      });

      test('a call after a task has failed or run out of time still counts as a call of that task', async () => {
        const failed = `setTimeout(() => host.call('after-failure', {}), 30); throw new Error('failed');`;
        await assert.rejects(app.evaluate(failed, null, { context: { fence: 'a' } }), /failed/);
        const late = `setTimeout(() => host.call('after-timeout', {}), 150);
          await new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('told'))));`;
        await assert.rejects(app.evaluate(late, null, { timeoutMs: 50, context: { fence: 'b' } }), {
          code: 'app_timeout',
        });
        for (const [method, fence] of [
          ['after-failure', 'a'],
          ['after-timeout', 'b'],
        ]) {
          await eventually(() => app.calls.some((call) => call.method === method), 'the late call');
          const call = app.calls.find((candidate) => candidate.method === method);
          assert.deepEqual(call?.invocation?.context, { fence });
        }
      });

      test('a call of a request that ran out of time is refused', async () => {
        await assert.rejects(app.get('/late', { timeoutMs: 30 }), { code: 'app_timeout' });
        await eventually(() => app.logs.some(({ log }) => log === 'refused: lease_lost'), 'the refusal');
        assert.ok(!app.calls.some(({ method }) => method === 'late'));
      });

      test('two thousand calls at once are all answered', async () => {
        const sum = await app.evaluate(`
          const answers = await Promise.all(Array.from({ length: 2000 }, (_, n) => host.call('n', n)));
          return answers.reduce((a, b) => a + b, 0);`);
        assert.equal(sum, 1_999_000);
      });

      test('data larger than a frame is refused with a clear error', async () => {
        await assert.rejects(app.evaluate(`await host.call('big', 'x'.repeat(9_000_000))`), {
          code: 'payload_too_large',
        });
        assert.equal(await app.evaluate('return 1'), 1);
      });
    });

    describe('time, log and environment', () => {
      test('what takes too long is answered with app_timeout, the app is told, and the process lives on', async () => {
        const logged = app.logs.length;
        const which = /GET \S*\/never within 100 ms/;
        await assert.rejects(app.get('/never', { timeoutMs: 100 }), { code: 'app_timeout', message: which });
        await eventually(() => app.logs.slice(logged).some(({ log }) => which.test(log)), 'a line for the author');
        await assert.rejects(
          app.evaluate(
            'await new Promise((done) => signal.addEventListener("abort", done)); console.log("told")',
            null,
            { timeoutMs: 100 },
          ),
          {
            code: 'app_timeout',
          },
        );
        await eventually(() => app.logs.slice(logged).some(({ log }) => log === 'told'), 'the signal');
        assert.equal(await app.evaluate('return 1'), 1);
        await eventually(() => app.process.active === 0, 'nothing active');
      });

      test('a caller that goes away ends its request', async () => {
        const abort = new AbortController();
        const pending = app.get('/never', { signal: abort.signal });
        abort.abort(new Error('the client left'));
        await assert.rejects(pending, /the client left/);
      });

      test('console lines arrive formatted, with type and context', async () => {
        await using other = await startTestApp(sandbox);
        await other.evaluate(
          `console.log('%s is %d', 'x', 1, { deep: { a: [1] } }); console.error(new Error('bad')); console.warn(); console.debug(null, undefined)`,
        );
        const lines = other.logs;
        assert.deepEqual(
          lines.map(({ logtype }) => logtype),
          ['log', 'error', 'warn', 'debug'],
        );
        assert.equal(lines[0]!.log, 'x is 1 { deep: { a: [ 1 ] } }');
        assert.match(lines[1]!.log, /Error: bad\n\s+at/);
        assert.ok(lines.every(({ context }) => context === 'queuehooks'));
      });

      test('errors that nobody catches are logged and end nothing', async () => {
        const logged = app.logs.length;
        await app.evaluate(`
          setTimeout(() => { throw new Error('in a timer') }, 0);
          Promise.reject(new Error('not handled'));
          new (require('events'))().on('x', () => {});
          setTimeout(() => new (require('events'))().emit('error', new Error('no listener')), 0);
          queueMicrotask(() => { throw new Error('in a microtask') });
          process.nextTick(() => { throw new Error('in a tick') });
          setImmediate(() => { throw new Error('in an immediate') });
          await new Promise((done) => setTimeout(done, 50));`);
        const text = app.logs
          .slice(logged)
          .map(({ log }) => log)
          .join('\n');
        for (const message of [
          'in a timer',
          'not handled',
          'no listener',
          'in a microtask',
          'in a tick',
          'in an immediate',
        ])
          assert.match(text, new RegExp(message));
        assert.equal(await app.evaluate('return 1'), 1);
      });

      test('timers are those of Node: objects, in the order that Node runs them', async () => {
        assert.deepEqual(
          await app.evaluate(`
            const order = [];
            const timer = setTimeout(() => {}, 1000).unref();
            clearTimeout(timer);
            const interval = setInterval(() => {}, 1000);
            interval.unref();
            clearInterval(interval);
            Promise.resolve().then(() => order.push('promise'));
            process.nextTick((what) => order.push(what), 'tick');
            await new Promise((done) => setImmediate(done));
            return [typeof timer, typeof timer.refresh, order.sort()];`),
          ['object', 'function', ['promise', 'tick']],
        );
      });

      test('process.env holds the variables of the space and nothing of the host, and can be replaced', async () => {
        await using other = await startTestApp(sandbox, { env: { GREETING: 'hello' } });
        await other.evaluate('globalThis.kept = process.env');
        assert.deepEqual(await other.evaluate('return { ...process.env }'), { GREETING: 'hello' });
        other.process.setEnv({ OTHER: 'x' });
        assert.deepEqual(await other.evaluate('return { ...globalThis.kept }'), { OTHER: 'x' });
      });
    });

    describe('ends', () => {
      test('the host is told, once, that the process has ended', async () => {
        let ends = 0;
        const other = await startTestApp(sandbox, { onHostEnd: () => (ends += 1) });
        await other.get('/hello');
        assert.equal(ends, 0);
        await other.process.stop(0);
        await eventually(() => ends === 1, 'the end');
      });

      test('stop lets what is under way finish, and no longer than the grace', async () => {
        const other = await startTestApp(sandbox);
        const pending = other.evaluate('await new Promise((done) => setTimeout(done, 150)); return "done"');
        const exit = other.process.stop(3000);
        await assert.rejects(other.get('/hello'), { code: 'app_crashed' });
        assert.equal(await pending, 'done');
        assert.equal((await exit).reason, 'stopped');

        const stuck = await startTestApp(sandbox);
        const never = stuck.get('/never');
        never.catch(() => {});
        const stopped = stuck.process.stop(100);
        await assert.rejects(never, { code: 'app_crashed' });
        assert.equal((await stopped).reason, 'stopped');
        assert.equal((await stuck.process.exited).reason, 'stopped');
      });

      test('a loop without end: the process is killed, its requests get app_unresponsive, others go on', async () => {
        const other = await startTestApp(sandbox);
        const looping = other.evaluate('for (;;);', null, { timeoutMs: 60_000 });
        const waiting = other.get('/hello', { timeoutMs: 60_000 });
        const results = Promise.allSettled([looping, waiting]);
        const started = performance.now();
        let slowest = 0;
        while (performance.now() - started < 2000) {
          const asked = performance.now();
          assert.equal((await app.get('/hello')).status, 200);
          slowest = Math.max(slowest, performance.now() - asked);
        }
        assert.ok(slowest < 500, `the neighbour answered within ${slowest} ms`);
        for (const result of await results) {
          assert.equal(result.status, 'rejected');
          assert.equal((result as PromiseRejectedResult).reason.code, 'app_unresponsive');
        }
        assert.equal((await other.process.exited).reason, 'unresponsive');
        await assert.rejects(other.get('/hello'), { code: 'app_unresponsive' });
      });

      test('memory on the heap is bounded', async () => {
        const other = await startTestApp(sandbox, { limits: { memoryMb: 64, evaluationTimeoutMs: 3000 } });
        await assert.rejects(
          other.evaluate(
            'const all = []; for (;;) { all.push(Array.from({ length: 1e5 }, (_, n) => ({ n }))); await null }',
            null,
            { timeoutMs: 30_000 },
          ),
          { code: 'app_crashed' },
        );
        assert.equal((await other.process.exited).reason, 'out-of-memory');
      });

      test('memory outside of the heap is bounded', async () => {
        const other = await startTestApp(sandbox, { limits: { memoryMb: 64, evaluationTimeoutMs: 3000 } });
        await assert.rejects(
          other.evaluate(
            'globalThis.all = []; for (let n = 0; n < 64; n++) { all.push(new Uint8Array(64e6).fill(1)); await new Promise((done) => setTimeout(done, 1)) } return "4 GB"',
            null,
            { timeoutMs: 30_000 },
          ),
        );
        assert.ok(['out-of-memory', 'crashed'].includes((await other.process.exited).reason));
      });

      test('resident memory is told', async () => {
        const bytes = await app.process.residentBytes();
        assert.ok(bytes > 10e6 && bytes < 400e6, `${bytes}`);
      });

      test('the sandbox says which layers are active', async () => {
        const layers = await sandbox.describe();
        assert.ok(layers.length > 0 && layers.every(({ layer, detail }) => layer !== '' && detail !== ''));
        assert.equal(layers[0]!.active, true);
      });

      test('after all this the first app still answers', async () => {
        assert.equal((await app.get('/hello')).status, 200);
      });
    });
  });
}

function stackOf(error: TackleError): string {
  return String((error.details as { stack?: string }).stack);
}
