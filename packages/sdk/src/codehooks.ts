import { type CrudlifyOptions, crudlify } from './crudlify/crudlify.ts';
import type { EventHooks } from './crudlify/event-hooks.ts';
import { EventSubscriptions } from './events.ts';
import type { OpenAPIConfig, OpenAPIRouteSpec } from './openapi/openapi-types.ts';
import { serveOpenApi } from './openapi/serve-openapi.ts';
import { findPlatformDatastore } from './platform.ts';
import { describeRoutes } from './platform-route.ts';
import { toRouteKey } from './route-key.ts';
import { type StaticOptions, serveFiles } from './static-files.ts';
import type {
  Datastore,
  DatastoreAPI,
  Handler,
  httpRequest,
  httpResponse,
  nextFunction,
  Untyped,
  WorkerOptions,
} from './types.ts';
import { renderView } from './views.ts';
import { type Workflow, WorkflowRegistry } from './workflows/index.ts';

type WorkflowArguments = Parameters<WorkflowRegistry['create']>;
type Path = string | RegExp;
type Table = Record<string, Handler[]>;
type MiddlewareEntry =
  | Handler
  | { path: string; func: Handler | undefined }
  | { regex: string; func: Handler | undefined };

/**
 * The app: everything is registered here, and `init` hands it to the platform as one manifest. The order of registration is
 * the order of matching; registering a key again replaces its handlers and keeps its place.
 *
 * Members are arrow functions, so that apps may take them out of the object.
 */
export class Codehooks {
  static #instance: Codehooks | null = null;

  settings: Record<string, unknown> = {};
  routes: Table = {};
  queues: Table = {};
  jobs: Table = {};
  auths: Table = {};
  workers: Table = {};
  appmiddleware: MiddlewareEntry[] = [];
  datastore: unknown = null;
  listeners: ((app: Codehooks) => unknown)[] = [];
  /** What `openapi()` says about routes, by their key. */
  openApiMeta: Record<string, OpenAPIRouteSpec> = {};
  readonly workflows: WorkflowRegistry = new WorkflowRegistry();
  readonly events: EventSubscriptions = new EventSubscriptions((topic, handler) => this.queue(topic, handler));

  /** Where jobs were registered, by expression: `app.js:LINE:COLUMN` in the bundle. */
  readonly #jobPositions: Record<string, string> = {};

  static getInstance(): Codehooks {
    Codehooks.#instance ??= new Codehooks();
    return Codehooks.#instance;
  }

  get = (path: Path, ...hooks: Handler[]): void => this.#addRoute('GET', path, hooks);
  post = (path: Path, ...hooks: Handler[]): void => this.#addRoute('POST', path, hooks);
  put = (path: Path, ...hooks: Handler[]): void => this.#addRoute('PUT', path, hooks);
  patch = (path: Path, ...hooks: Handler[]): void => this.#addRoute('PATCH', path, hooks);
  delete = (path: Path, ...hooks: Handler[]): void => this.#addRoute('DELETE', path, hooks);
  all = (path: Path, ...hooks: Handler[]): void => this.#addRoute('*', path, hooks);

  #addRoute(verb: string, path: Path, hooks: Handler[]): void {
    const key = `${verb} ${toRouteKey(path)}`;
    this.routes[key] = hooks;
    for (const hook of hooks) {
      const { _openApiSpec: spec } = (hook ?? {}) as { _openApiSpec?: OpenAPIRouteSpec };
      if (spec) this.openApiMeta[key] = { ...this.openApiMeta[key], ...spec };
    }
  }

  /** Opens routes to requests without a token: `next()` allows, `next(message)` refuses, answering is final. */
  auth = (path: Path, ...hooks: Handler[]): void => {
    this.auths[toRouteKey(path)] = hooks;
  };

  /** Middleware for every route, or for those that match a path or RegExp. */
  use = (...hooks: (Path | Handler | Handler[])[]): void => {
    const [first, second] = hooks;
    if (typeof first === 'string' || first instanceof RegExp) this.useRoute(first, second as Handler);
    else this.appmiddleware = [...this.appmiddleware, ...(hooks.flat() as Handler[])];
  };

  useRoute = (path: Path, ...hooks: Handler[]): void => {
    const entry = path instanceof RegExp ? { regex: toRouteKey(path), func: hooks[0] } : { path, func: hooks[0] };
    this.appmiddleware = [...this.appmiddleware, entry];
  };

  queue = (topic: string, ...hooks: Handler[]): void => {
    this.queues[topic] = hooks;
  };

  worker = async (
    name: string,
    hook: (request: httpRequest, response: httpResponse, next: nextFunction) => Untyped,
    options: WorkerOptions = {},
  ): Promise<void> => {
    this.workers[name] = [hook];
    this.queues[name] = [hook];
    if (Object.keys(options).length > 0) this.set(`queue_worker:${name}`, options);
  };

  /** Runs by a cron expression of five fields, or of six with seconds first; times are UTC. */
  job = (cronExpression: string, ...hooks: Handler[]): void => this.addJob(cronExpression, hooks, this.job);

  /** `calledAs`: the function that the app called, so that a deploy can name the line of a wrong expression. */
  addJob(cronExpression: string, hooks: Handler[], calledAs: (...given: never[]) => unknown): void {
    this.jobs[cronExpression] = hooks;
    const position = findCaller(calledAs);
    if (position !== null) this.#jobPositions[cronExpression] = position;
  }

  /** Steps that survive everything; the first one is where an instance starts. */
  createWorkflow = (
    name: WorkflowArguments[0],
    description: WorkflowArguments[1],
    steps: WorkflowArguments[2],
    options?: WorkflowArguments[3],
  ): Workflow =>
    this.workflows.create(name, description, steps, options, {
      open: async () => (await (findPlatformDatastore() ?? this.getDatastore()).open()) as never,
    });

  set = (key: string, value: unknown): void => {
    this.settings[key] = value;
  };

  /** Serves files that were deployed with the app. */
  static = (options?: StaticOptions, hook?: Handler): void => serveFiles(this, options, hook, true);

  /** Serves files that the app stored. */
  storage = (options?: StaticOptions, hook?: Handler): void => serveFiles(this, options, hook, false);

  /** Renders a view with the engine of `app.set('view engine', …)`. */
  render = (view: string, data: object, callback: (error: unknown, html?: string) => void): Promise<void> =>
    renderView(view, data, this.settings, callback);

  /** A REST interface to the datastore; the result takes hooks that run before and after changes. */
  crudlify = (schemas: Record<string, Untyped> = {}, options: CrudlifyOptions = {}): Promise<EventHooks> =>
    crudlify(this, schemas, options);

  /** Describes the app as OpenAPI at `/openapi.json`, with a page to read and try it. */
  openapi = (config: OpenAPIConfig = {}, uiPath = '/docs'): Codehooks => {
    serveOpenApi(this, config, uiPath);
    return this;
  };

  /**
   * A channel of events: clients connect to `GET <path>/:clientID`. The hooks guard it; the channels themselves are kept as
   * properties of this function, where the platform looks for them.
   */
  realtime = Object.assign((path: string, ...hooks: Handler[]): void => {
    (this.realtime as unknown as Record<string, Handler[]>)[path] = hooks;
    this.useRoute(path, ...hooks);
    // The platform takes over from here: it answers with the stream of events.
    this.get(`${path}/:clientID`, (_request, response) => response.set('x-realtime-connect', path).json({}));
  }, {}) as ((path: string, ...hooks: Handler[]) => void) & Record<string, Untyped>;

  /** The platform replaces it where it is known how to reach other apps without leaving the machine. */
  internalFetch = (url: string, options?: object): Promise<Untyped> => fetch(url, options as RequestInit);

  /** Hands everything to the platform; the hook runs once per deploy, after the app is live. Export its result. */
  init = (startup?: () => unknown): Record<string, unknown> => {
    const manifest: Record<string, unknown> = {
      workerhooks: this.workers,
      routehooks: this.routes,
      queuehooks: this.queues,
      jobhooks: this.jobs,
      authhooks: this.auths,
      globalhooks: this.appmiddleware,
      settings: this.settings,
      realtime: this.realtime,
      app: this,
      extensions: {
        workflows: this.workflows.describe(),
        routes: describeRoutes(this.routes),
        auths: describeRoutes(this.auths),
        events: this.events.describe(),
        jobPositions: this.#jobPositions,
      },
      taskhooks: { step: this.workflows.runStep, event: this.workflows.tell },
    };
    if (startup) manifest.startup = startup;
    return manifest;
  };

  start = (startup?: () => unknown): Record<string, unknown> => this.init(startup);

  /** For running an app outside of the platform. */
  setDatastore = (datastore: unknown): void => {
    this.datastore = datastore;
    for (const listener of this.listeners) listener(this);
  };

  getDatastore = (): Datastore => {
    const collection = (...given: [string, never]) => (this.datastore as DatastoreAPI).collection(...given);
    return { open: async () => this.datastore, collection } as unknown as Datastore;
  };

  addListener = (listener: (app: Codehooks) => unknown): void => {
    this.listeners.push(listener);
  };
}

/** The line of the bundle that called `callee`; null where the engine does not tell, or it was called from elsewhere. */
function findCaller(callee: (...given: never[]) => unknown): string | null {
  const holder: { stack?: string } = {};
  Error.captureStackTrace?.(holder, callee);
  const caller = holder.stack?.split('\n').find((line) => line.trimStart().startsWith('at ')) ?? '';
  return /app\.js:\d+:\d+/.exec(caller)?.[0] ?? null;
}
