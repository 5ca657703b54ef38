import type { Handler } from './handler-chain.ts';

const path = '/.well-known/openapi';
const key = `GET ${path}`;

type Table = Record<string, readonly Handler[]>;

/**
 * Adds `GET /.well-known/openapi`, the description of the app, for apps that say what can be described: they call `openapi()`
 * or `crudlify()`. Open to everybody where the app opened its description, else like any route. An app's own route stays.
 */
export function addWellKnownOpenApi(app: Record<string, unknown> | null, routes: Table, auths: Table): void {
  if (Object.hasOwn(routes, key) || Object.hasOwn(routes, `* ${path}`)) return;
  if (app === null || typeof app.openapi !== 'function') return;
  const settings = app.settings as Record<string, unknown> | undefined;
  const config = settings?._openapi_config as { specPath?: string } | undefined;
  if (config !== undefined) {
    const handlers = routes[`GET ${config.specPath ?? '/openapi.json'}`];
    if (handlers === undefined) return;
    routes[key] = handlers;
    auths[path] ??= [(_request, _response, next) => next()];
  } else if (settings?._crudlify_schema !== undefined) {
    const handlers = borrowHandlers(app as unknown as Describable);
    if (handlers !== undefined) routes[key] = handlers;
  }
}

interface Describable {
  readonly routes: Record<string, Handler[]>;
  readonly auths: Record<string, unknown>;
  readonly settings: Record<string, unknown>;
  openapi(config: { specPath: string }, uiPath: string): unknown;
}

/** The library makes its handlers only together with a page and open doors, which nobody asked for here. */
function borrowHandlers(app: Describable): readonly Handler[] | undefined {
  const uiPath = `${path}/page`;
  app.openapi({ specPath: path }, uiPath);
  const handlers = app.routes[key];
  for (const route of [path, uiPath]) {
    delete app.routes[`GET ${route}`];
    delete app.auths[route];
  }
  delete app.settings._openapi_config;
  return handlers;
}
