import type { Json, JsonObject } from '../../../core/json.ts';
import { parseRegexKey } from '../../../core/routing/regex-key.ts';
import type { AppManifest } from '../../../ports/sandbox.ts';
import { addApiDocs, type ReadPlatformFile } from './api-docs.ts';
import { isObject } from './arguments.ts';
import { checkRoutes } from './check-routes.ts';
import type { ErrorHandler, Handler } from './handler-chain.ts';
import { createAppError } from './host-error.ts';

type Render = (view: string, context: unknown, done: (error: unknown, html?: string) => void) => unknown;

type TaskHook = (name: string, input: Json) => unknown;

/** The functions of an app, in the order of the lists in its AppManifest. */
export interface AppHandlers {
  readonly routes: readonly (readonly Handler[])[];
  /** For routes whose RegExp has named groups: these become the params. */
  readonly routeGroups: readonly (RegExp | null)[];
  readonly auths: readonly (readonly Handler[])[];
  /** Undefined for entries without a function: they are skipped. */
  readonly middleware: readonly (Handler | undefined)[];
  /** At the places of `middleware`: functions for errors, which are no part of the usual chain. */
  readonly errorHandlers: readonly (ErrorHandler | undefined)[];
  readonly topics: ReadonlyMap<string, readonly Handler[]>;
  readonly jobs: ReadonlyMap<string, readonly Handler[]>;
  readonly startup: (() => unknown) | null;
  /** For the kinds of task that a library handles itself (`step`, `event`), by kind. */
  readonly taskHooks: ReadonlyMap<string, TaskHook>;
  readonly render: Render | null;
}

export interface LoadedApp {
  readonly manifest: AppManifest;
  readonly handlers: AppHandlers;
  /** The singleton of the library inside the app; the platform replaces some of its methods. */
  readonly app: Record<string, unknown> | null;
}

/**
 * Reads what `app.init()` returned (spec/codehooks.md 1.2): the default export of the app, or of the `EntryPoint` of a
 * bundle. Throws an error that says what is missing when it is something else.
 */
export function loadManifest(moduleExports: unknown, readPlatformFile: ReadPlatformFile): LoadedApp {
  const source = findManifest(moduleExports);
  const app = isRecord(source.app) ? source.app : null;
  const registered = {
    routes: toTable(source.routehooks),
    auths: toTable(source.authhooks),
    settings: toRecord(source.settings),
    app,
  };
  const { routes, auths } = addApiDocs(registered, readPlatformFile);
  const workers = toTable(source.workerhooks);
  const queues = toTable(source.queuehooks);
  const jobs = toTable(source.jobhooks);
  const middleware = Array.isArray(source.globalhooks) ? source.globalhooks.flat(Number.POSITIVE_INFINITY) : [];
  const channels = isRecord(source.realtime) ? Object.keys(source.realtime) : [];
  openChannels(routes, channels);
  checkRoutes(routes, auths);
  const render = app?.render;
  return {
    manifest: {
      routes: Object.keys(routes),
      auths: Object.keys(auths),
      middleware: middleware.map(getMiddlewarePath),
      queues: Object.keys(queues),
      workers: Object.keys(workers),
      jobs: Object.keys(jobs),
      realtime: channels,
      settings: pickJson(source.settings),
      hasStartup: typeof source.startup === 'function',
      extensions: pickJson(source.extensions),
    },
    handlers: {
      routes: Object.values(routes),
      routeGroups: Object.keys(routes).map(getRouteGroups),
      auths: Object.values(auths),
      middleware: middleware
        .map(getMiddlewareFunction)
        .map((handler) => (isErrorHandler(handler) ? undefined : handler)),
      errorHandlers: middleware
        .map(getMiddlewareFunction)
        .map((handler) => (isErrorHandler(handler) ? (handler as unknown as ErrorHandler) : undefined)),
      topics: new Map([...Object.entries(queues), ...Object.entries(workers)]),
      jobs: new Map(Object.entries(jobs)),
      startup: typeof source.startup === 'function' ? (source.startup as () => unknown) : null,
      taskHooks: new Map(
        Object.entries(isRecord(source.taskhooks) ? source.taskhooks : {}).filter(
          (entry): entry is [string, TaskHook] => typeof entry[1] === 'function',
        ),
      ),
      render: typeof render === 'function' ? (view, context, done) => render.call(app, view, context, done) : null,
    },
    app,
  };
}

/** `exports`, `exports.default` or, where a bundler wrapped CommonJS, `exports.default.default`. */
function findManifest(moduleExports: unknown): Record<string, unknown> {
  let candidate = moduleExports;
  for (let depth = 0; depth < 3; depth += 1) {
    if (isRecord(candidate) && 'routehooks' in candidate) return candidate;
    candidate = isRecord(candidate) ? candidate.default : undefined;
  }
  throw createAppError(
    'The app does not export what app.init() returns. Its last line should be: export default app.init();',
    'deploy_failed',
  );
}

/**
 * The last handler of a channel's route is the platform's: it tells the gateway, by a header, to go on with the stream of
 * events. (The one in the original library fails; ours is only a placeholder.)
 */
function openChannels(routes: Record<string, readonly Handler[]>, channels: readonly string[]): void {
  for (const channel of channels) {
    const key = `GET ${channel}/:clientID`;
    if (!Object.hasOwn(routes, key)) continue;
    routes[key] = [(_request, response) => response.set(realtimeHeader, channel).json({})];
  }
}

/** Names the channel in the answer to a client that connects to one; only the gateway sees it. */
const realtimeHeader = 'x-realtime-connect';

function toRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function toTable(value: unknown): Record<string, readonly Handler[]> {
  if (!isRecord(value)) return {};
  const entries = Object.entries(value).map(([key, handlers]): [string, readonly Handler[]] => [
    key,
    (Array.isArray(handlers) ? handlers.flat(Number.POSITIVE_INFINITY) : [handlers]).filter(
      (handler) => typeof handler === 'function',
    ),
  ]);
  return Object.fromEntries(entries);
}

function getRouteGroups(key: string): RegExp | null {
  const regex = parseRegexKey(key.slice(key.indexOf(' ') + 1));
  return regex?.source.includes('(?<') ? regex : null;
}

function getMiddlewarePath(entry: unknown): string | null {
  if (typeof entry === 'function' || !isRecord(entry)) return null;
  const path = entry.path ?? entry.regex;
  return typeof path === 'string' ? path : null;
}

function getMiddlewareFunction(entry: unknown): Handler | undefined {
  const handler = isRecord(entry) && typeof entry !== 'function' ? entry.func : entry;
  return typeof handler === 'function' ? (handler as Handler) : undefined;
}

/** The original library would call it like any other, with the request in place of the error. */
function isErrorHandler(handler: Handler | undefined): boolean {
  return handler !== undefined && handler.length === 4;
}

/** Settings hold engines and functions too; the gateway sees those that are plain data. */
function pickJson(value: unknown): JsonObject {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => isJson(entry, 0))) as JsonObject;
}

const maxSettingDepth = 20;

function isJson(value: unknown, depth: number): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth > maxSettingDepth) return false;
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return false;
  return Object.values(value).every((entry) => entry === undefined || isJson(entry, depth + 1));
}

/** Objects and functions: `manifest.realtime` of the original library is a function that carries the channels. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}
