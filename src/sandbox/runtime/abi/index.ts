import type { AbiFactory } from '../runtime-types.ts';
import { createApiDocsPage } from './api-docs-page.ts';
import { createDatastore } from './datastore.ts';
import { createDurablePlatform } from './durable-platform.ts';
import { createFileStore, openAppFile } from './file-store.ts';
import { createHost, type Host } from './host.ts';
import { createInternalFetch } from './internal-fetch.ts';
import { noteUnhandledRejection } from './invocation.ts';
import { loadAjv } from './json-schema.ts';
import { loadManifest } from './manifest.ts';
import { getMimeType } from './mime-type.ts';
import { runRequest } from './run-request.ts';
import { runTask } from './run-task.ts';

let host: Host | null = null;

/** What app code sees of the platform (spec/codehooks.md 1 and 2). One app per process. */
export const abi: AbiFactory = {
  install(channel) {
    host = createHost(channel);
    const datastore = createDatastore(host);
    const globals = {
      DB: datastore,
      Datastore: datastore,
      _coho_fs: createFileStore(host),
      _tackle: { ...createDurablePlatform(channel), loadAjv, getMimeType, createApiDocsPage },
    };
    for (const [name, value] of Object.entries(globals)) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
    }
    // Only processes of the sandbox raise this event, in the context of the promise that was rejected.
    (globalThis as Partial<EventTarget>).addEventListener?.('unhandledrejection', noteUnhandledRejection);
  },
  load(moduleExports) {
    const { manifest, handlers, app } = loadManifest(moduleExports, (name) => {
      if (host === null) throw new Error('The platform has no files before install');
      return host.read('platform.file', { name });
    });
    if (app !== null && host !== null) app.internalFetch = createInternalFetch(host);
    const requestApp = { ...handlers, openFile: (path: string) => openAppFile(host, path) };
    return {
      manifest,
      handleRequest: (head, body, sink) => runRequest(requestApp, head, body, sink),
      runTask: (task, control) => runTask(handlers, task, control),
    };
  },
};
