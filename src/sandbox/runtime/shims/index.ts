import type { EgressClient } from '../egress-client.ts';
import { createDns } from './dns.ts';
import { createFs, createFsPromises } from './fs.ts';
import { createHttp } from './http.ts';
import { createNet } from './net.ts';
import os from './os.ts';
import { refusedModule } from './refused.ts';
import { createTls } from './tls.ts';

type NativeRequire = (name: string) => Record<string, unknown>;

/** Our replacements of built-in modules, each made when first required. */
export function createShims(egress: EgressClient, native: NativeRequire): (name: string) => unknown {
  const net = once(() => createNet(egress, native('node:net')));
  const tls = once(() => createTls(net(), native('node:tls')));
  const dns = once(() => createDns(egress, native('node:dns')));
  const makers: Readonly<Record<string, () => unknown>> = {
    console: () => globalThis.console,
    dns: () => dns().callbacks,
    'dns/promises': () => dns().promises,
    fs: once(() => createFs(native('node:fs'))),
    'fs/promises': once(() => createFsPromises(native('node:fs/promises'))),
    http: once(() => createHttp('http', native('node:http'), (options) => net().connect(options))),
    https: once(() => createHttp('https', native('node:https'), (options) => tls().connect(options))),
    module: once(createModule),
    net: () => net().module,
    os: () => os,
    process: () => globalThis.process,
    tls: () => tls().module,
    tty: once(createTty),
    worker_threads: once(() => createWorkerThreads(native('node:worker_threads'))),
  };
  return (name) => makers[name]!();
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** `module` for bundles that make their own `require`: it is the app's, whatever the base. */
function createModule(): Record<string, unknown> {
  const { require } = globalThis as unknown as { require: (name: string) => unknown };
  const module: Record<string, unknown> = { createRequire: () => require, builtinModules: [], isBuiltin: () => false };
  module.default = module;
  return module;
}

function createTty(): Record<string, unknown> {
  const module: Record<string, unknown> = { isatty: () => false };
  module.default = module;
  return module;
}

/** No thread can be started; what only marks values for threads has nothing to do, and libraries call it when they load. */
function createWorkerThreads(original: Record<string, unknown>): unknown {
  const { MessageChannel, MessagePort } = globalThis;
  return Object.assign(refusedModule('worker_threads', original) as object, {
    ...{ MessageChannel, MessagePort, isMainThread: true, parentPort: null, workerData: null, threadId: 0 },
    ...{ markAsUncloneable() {}, markAsUntransferable() {}, isMarkedAsUntransferable: () => false },
    ...{ getEnvironmentData: () => undefined, setEnvironmentData() {} },
  });
}
