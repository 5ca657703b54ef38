import { createRouteTable } from '../../../core/routing/route-table.ts';
import { createApiDocsPage } from './api-docs-page.ts';
import type { Handler } from './handler-chain.ts';
import { isLiteralPath } from './literal-path.ts';

/** Where tools look for the description of an API. */
const wellKnownPath = '/.well-known/openapi';
/** The viewer of the page; the gateway has the files. */
const viewerFiles: Readonly<Record<string, string>> = {
  'viewer.js': 'text/javascript; charset=utf-8',
  'operation.js': 'text/javascript; charset=utf-8',
  'schema.js': 'text/javascript; charset=utf-8',
  'element.js': 'text/javascript; charset=utf-8',
  'viewer.css': 'text/css; charset=utf-8',
};
const viewerDirectory = '/.well-known/api-docs';

type Table = Record<string, readonly Handler[]>;

/** What an app of either library registered, as far as it is about its description. */
export interface DescribedApp {
  readonly routes: Table;
  readonly auths: Table;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The singleton of the library. */
  readonly app: Record<string, unknown> | null;
}

/** Text of a file that comes with the gateway. */
export type ReadPlatformFile = (name: string) => Promise<string>;

/**
 * Adds what belongs to the description of an API: the files of the viewer where the app has a page, and
 * `/.well-known/openapi` where the app describes itself or is crudlified and takes no route of that path. That is open where
 * `openapi()` opened the document, and else needs a token.
 */
export function addApiDocs(described: DescribedApp, readFile: ReadPlatformFile): { routes: Table; auths: Table } {
  const { settings, app } = described;
  const routes = { ...described.routes };
  const auths = { ...described.auths };
  const config = readConfig(settings);
  const specPath = readSpecPath(config);
  const spec = config === null ? findGenerator(app, settings) : (routes[`GET ${specPath}`] ?? null);
  if (spec !== null && !takesWellKnownPath(routes, settings)) {
    routes[`GET ${wellKnownPath}`] = spec;
    if (config !== null && auths[specPath] !== undefined) auths[wellKnownPath] = auths[specPath];
  }
  if (config === null) return { routes, auths };
  replacePages(routes, auths, specPath, config);
  // In front of the app's own: one that takes every path would take these too.
  const path = `${viewerDirectory}/:file`;
  return {
    routes: { [`GET ${path}`]: [serveViewer(readFile)], ...routes },
    auths: { [path]: [(_request, _response, next) => next()], ...auths },
  };
}

function serveViewer(readFile: ReadPlatformFile): Handler {
  return async (request, response) => {
    const { file = '' } = request.params;
    const type = Object.hasOwn(viewerFiles, file) ? viewerFiles[file] : undefined;
    if (type === undefined) {
      response.status(404).end(`The viewer of the API has no file ${file}`);
      return;
    }
    const text = await readFile(`api-docs/${file}`);
    response.set({ 'Content-Type': type, 'Cache-Control': 'public, max-age=300' }).end(text);
  };
}

function readConfig(settings: Readonly<Record<string, unknown>>): Record<string, unknown> | null {
  const config = settings._openapi_config;
  return typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : null;
}

function readSpecPath(config: Record<string, unknown> | null): string {
  const path = config?.specPath;
  return typeof path === 'string' && path !== '' ? path : '/openapi.json';
}

/** The generic routes of crudlify match every path; they are not meant here. */
function takesWellKnownPath(routes: Table, settings: Readonly<Record<string, unknown>>): boolean {
  const options = settings._crudlify_options as { prefix?: unknown } | undefined;
  const prefix = typeof options?.prefix === 'string' && options.prefix !== '/' ? options.prefix : '';
  const generic = ['/:collection', '/:collection/:ID', '/:collection/_byquery'].map((rest) => prefix + rest);
  const isCrudlified = settings._crudlify_schema !== undefined;
  const own = Object.keys(routes).filter((key) => !isCrudlified || !generic.includes(key.slice(key.indexOf(' ') + 1)));
  return createRouteTable({ routes: own, auths: [], middleware: [] }).findRoute('GET', wellKnownPath) !== null;
}

interface Library {
  routes: Table;
  auths: Table;
  settings: Record<string, unknown>;
  openapi(config: object, uiPath: string): unknown;
}

/**
 * The generator of the app's library, for an app that did not ask for it: the library registers its routes, and they are
 * taken away again. Null for apps without crudlify, which have nothing to describe that they did not describe.
 */
function findGenerator(
  given: Record<string, unknown> | null,
  settings: Readonly<Record<string, unknown>>,
): readonly Handler[] | null {
  if (settings._crudlify_schema === undefined || typeof given?.openapi !== 'function') return null;
  const app = given as unknown as Library;
  const { routes, auths } = app;
  const { _openapi_config, ...before } = app.settings;
  try {
    app.routes = {};
    app.auths = {};
    app.openapi({ specPath: wellKnownPath }, `${wellKnownPath}/page`);
    return app.routes[`GET ${wellKnownPath}`] ?? null;
  } catch {
    return null;
  } finally {
    Object.assign(app, { routes, auths });
    delete app.settings._openapi_config;
    Object.assign(app.settings, before);
  }
}

/**
 * The page of the original library loads its viewer from a public network and names the document by a path that is only
 * right on a host of the space's own. Ours takes its place wherever a handler sends it.
 */
function replacePages(routes: Table, auths: Table, specPath: string, config: Record<string, unknown>): void {
  for (const [key, handlers] of Object.entries(routes)) {
    const path = key.slice(key.indexOf(' ') + 1);
    const [handler] = handlers;
    const mayBePage = key.startsWith('GET ') && isLiteralPath(path) && auths[path] !== undefined && path !== specPath;
    if (!mayBePage || handler === undefined || handlers.length !== 1) continue;
    routes[key] = [
      (request, response, next) => {
        const send = response.send.bind(response);
        const isOriginal = (body: unknown) => typeof body === 'string' && body.includes('unpkg.com/swagger-ui-dist@');
        response.send = (body?: unknown) =>
          send(isOriginal(body) ? createApiDocsPage(request.apiPath, specPath, config) : body);
        return handler(request, response, next);
      },
    ];
  }
}
