import type { Codehooks } from '../codehooks.ts';
import type { Untyped } from '../types.ts';
import { Components } from './components.ts';
import { describeCrud } from './crud-paths.ts';
import { DocumentPaths, describeRoute } from './document-paths.ts';
import type { OpenAPIConfig } from './openapi-types.ts';
import type { OpenApiVersion } from './schema-dialect.ts';

const securitySchemes = {
  apiKey: { type: 'apiKey', in: 'header', name: 'x-apikey', description: 'Token of the space' },
  bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'JWT of the key set of the space' },
};

const versions: Readonly<Record<OpenApiVersion, string>> = { '3.0': '3.0.3', '3.1': '3.1.0' };

export interface SpecRequest {
  /** Which form is wanted; that of the config, else 3.0. */
  readonly version?: OpenApiVersion | null;
  /** Where the API is, relative to the document; the config's `servers` count more. */
  readonly serverUrl?: string;
  /** Where the page that shows the document is. */
  readonly uiPath?: string;
}

/** The OpenAPI document of an app: its routes, what `openapi()` says about them, and what `crudlify` serves. */
export function generateSpec(
  app: Codehooks,
  config: OpenAPIConfig = {},
  request: SpecRequest = {},
): Record<string, unknown> {
  const version = request.version ?? readVersion(config.openapi) ?? '3.0';
  const components = new Components(version, config.components?.schemas);
  const paths = new DocumentPaths();
  const crud = app.settings._crudlify_schema as Record<string, Untyped> | undefined;
  const { prefix = '' } = (app.settings._crudlify_options ?? {}) as { prefix?: string };
  const crudPaths = crud === undefined ? {} : describeCrud(crud, prefix, components);
  const hidden = new Set([config.specPath, request.uiPath]);
  const isShown = (path: string) => !hidden.has(path) && !isHidden(path, crud === undefined ? null : prefix);
  addRoutes(app, isShown, paths, components);
  // Behind the app's own routes, which win.
  paths.addAll(crudPaths);
  const finished = paths.finish(config.filter);
  return {
    openapi: versions[version],
    info: { title: 'Codehooks API', version: '1.0.0', ...config.info },
    servers: config.servers ?? (request.serverUrl === undefined ? [] : [{ url: request.serverUrl }]),
    paths: finished,
    components: {
      schemas: components.schemas,
      securitySchemes: { ...securitySchemes, ...config.components?.securitySchemes },
    },
    security: config.security ?? [{ apiKey: [] }],
    ...(config.tags && config.tags.length > 0 ? { tags: config.tags } : {}),
    ...(config.externalDocs ? { externalDocs: config.externalDocs } : {}),
  };
}

/** `3.1`, `3.1.0` and the like; null for what is neither. */
export function readVersion(text: unknown): OpenApiVersion | null {
  const found = /^3\.[01](?=$|\.)/.exec(String(text ?? ''));
  return found === null ? null : (found[0] as OpenApiVersion);
}

function addRoutes(
  app: Codehooks,
  isShown: (path: string) => boolean,
  paths: DocumentPaths,
  components: Components,
): void {
  for (const key of Object.keys(app.routes)) {
    const separator = key.indexOf(' ');
    const [verb, path] = [key.slice(0, separator), key.slice(separator + 1)];
    if (!isShown(path)) continue;
    const operation = describeRoute({ verb, path, meta: app.openApiMeta[key] ?? {} }, components);
    const method = verb === '*' ? 'get' : verb.toLowerCase();
    paths.add(method, path.replaceAll(/:(\w+)/g, '{$1}'), operation);
  }
}

/** Expressions cannot be described, documentation describes itself, and CRUD routes are described by collection. */
function isHidden(path: string, crudPrefix: string | null): boolean {
  if (!path.startsWith('/') || path.includes('openapi.json') || path.includes('/docs')) return true;
  if (crudPrefix === null) return false;
  return ['/:collection', '/:collection/:ID', '/:collection/_byquery'].some((rest) => path === crudPrefix + rest);
}
