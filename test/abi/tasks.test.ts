/**
 * Workers, jobs and the startup hook, run as the gateway asks for them. Real: the ABI and our library. Fake: the gateway
 * behind it (in memory), so retries and schedules are not part of this.
 */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { abi } from '../../src/sandbox/runtime/abi/index.ts';
import type { TaskControl } from '../../src/sandbox/runtime/runtime-types.ts';
import { startApp } from './run-app.ts';

/** Of a task that nobody cancels. */
const silent = { signal: new AbortController().signal, onCancel: null };
const input = { payload: { n: 1 }, _id: 'a', topic: 't', jobId: 'j', _created: '2025-01-01T00:00:00.000Z' };

describe('workers', () => {
  it('find the payload in req.body, and are done with whatever they answer', async () => {
    const { load } = await startApp((app) => {
      app.worker('t', (req, res) => res.status(503).json({ got: req.body.payload.n, topic: req.body.topic }));
    });
    const result = await load().runTask({ kind: 'worker', name: 't', input }, silent);
    assert.deepEqual(result, { status: 503, output: '{"got":1,"topic":"t"}' });
  });

  it('may end their response later, from a callback', async () => {
    const { load } = await startApp((app) => {
      app.worker('t', (_req, res) => {
        setImmediate(() => res.status(202).end());
      });
    });
    const result = await load().runTask({ kind: 'worker', name: 't', input }, silent);
    assert.equal(result.status, 202);
  });

  it('are done when their promise is, and fail when it rejects', async () => {
    const log = mock.method(console, 'error', () => {});
    const { load } = await startApp((app) => {
      app.worker('silent', async () => {});
      app.worker('failing', async () => {
        throw new Error('no luck');
      });
    });
    const runtime = load();
    const result = await runtime.runTask({ kind: 'worker', name: 'silent', input }, silent);
    assert.deepEqual(result, { status: 200, output: null });
    await assert.rejects(runtime.runTask({ kind: 'worker', name: 'failing', input }, silent), /no luck/);
    assert.equal(log.mock.callCount(), 1);
    log.mock.restore();
  });

  it('registered with queue run all their functions in order', async () => {
    const { load } = await startApp((app) => {
      app.queue(
        't',
        (req, _res, next) => {
          req.body.payload.n += 1;
          next();
        },
        (req, res) => res.json(req.body.payload),
      );
    });
    const result = await load().runTask({ kind: 'worker', name: 't', input }, silent);
    assert.equal(result.output, '{"n":2}');
  });

  it('are given up when their time is over', async () => {
    const { load } = await startApp((app) => app.queue('t', () => {}));
    const control: TaskControl = { signal: silent.signal, onCancel: null };
    const running = load().runTask({ kind: 'worker', name: 't', input }, control);
    control.onCancel?.();
    await running;
  });

  it('that do not exist are named in the error', async () => {
    const { load } = await startApp(() => {});
    const attempt = load().runTask({ kind: 'worker', name: 'missing', input }, silent);
    await assert.rejects(attempt, /worker "missing"/);
  });
});

describe('jobs', () => {
  it('get their id in the second argument, and need not answer', async () => {
    let seen: unknown = null;
    const { load } = await startApp((app) => {
      app.job('* * * * *', (_req, { jobId }) => {
        seen = jobId;
      });
    });
    const result = await load().runTask({ kind: 'job', name: '* * * * *', input: { jobId: 'id-1' } }, silent);
    assert.deepEqual([seen, result.status], ['id-1', 200]);
  });
});

describe('startup', () => {
  it('is awaited, and its exception is the result', async () => {
    const { app } = await startApp(() => {});
    const steps: string[] = [];
    const runtime = abi.load({
      default: app.init(async () => {
        await Promise.resolve();
        steps.push('started');
      }),
    });
    assert.equal(runtime.manifest.hasStartup, true);
    await runtime.runTask({ kind: 'startup', name: '', input: null }, silent);
    assert.deepEqual(steps, ['started']);
    const failing = abi.load({ default: app.init(() => Promise.reject(new Error('no index'))) });
    await assert.rejects(failing.runTask({ kind: 'startup', name: '', input: null }, silent), /no index/);
  });
});

describe('the manifest', () => {
  it('lists what was registered, in order, as plain data', async () => {
    const { load } = await startApp((app) => {
      app.get('/a/:id', () => {});
      app.all(/^\/b/i, () => {});
      app.auth('/a/*', () => {});
      app.use(() => {});
      app.use(/^\/(foo|bar)/, () => {});
      app.use('/m', () => {});
      app.worker('w', () => {}, { workers: 2 });
      app.queue('q', () => {});
      app.job('*/10 * * * * *', () => {});
      app.set('view engine', { hbs: { compile() {} } });
      app.set('views', '/views');
      app.get('/a/:id', () => {});
    });
    const { extensions, ...manifest } = load().manifest;
    assert.deepEqual(extensions.workflows, []);
    assert.deepEqual(manifest, {
      routes: ['GET /a/:id', '* {"$regex":"/^\\\\/b/i"}'],
      auths: ['/a/*'],
      middleware: [null, '{"$regex":"/^\\\\/(foo|bar)/"}', '/m'],
      queues: ['w', 'q'],
      workers: ['w'],
      jobs: ['*/10 * * * * *'],
      realtime: [],
      settings: { 'queue_worker:w': { workers: 2 }, views: '/views' },
      hasStartup: false,
    });
  });

  it('must be the default export', () => {
    assert.throws(() => abi.load({ default: {} }), /export default app\.init\(\)/);
    assert.throws(() => abi.load(undefined), /export default app\.init\(\)/);
  });
});
