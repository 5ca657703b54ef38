import type { Codehooks } from '../codehooks.ts';
import type { Untyped } from '../types.ts';
import { describeCrud } from './crud-paths.ts';
import { param } from './helpers.ts';
import { isLibrarySchema, toJsonSchema } from './json-schema.ts';
import type {
  OpenAPIConfig,
  OpenAPIRequestBody,
  OpenAPIRouteSpec,
  OpenAPISchema,
  Operation,
  Paths,
} from './openapi-types.ts';

/** The platform serves it for tools that look there; not part of the description. */
const wellKnownPath = '/.well-known/openapi';

const securitySchemes = {
  apiKey: { type: 'apiKey', in: 'header', name: 'x-apikey', description: 'Token of the space' },
  bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'JWT of the key set of the space' },
};

/** The OpenAPI 3.0.3 document of an app: its routes, what `openapi()` says about them, and what `crudlify` serves. */
export function generateSpec(app: Codehooks, config: OpenAPIConfig = {}): Record<string, unknown> {
  const crud = app.settings._crudlify_schema as Record<string, Untyped> | undefined;
  const { prefix = '' } = (app.settings._crudlify_options ?? {}) as { prefix?: string };
  const crudDocs = crud === undefined ? { paths: {}, schemas: {} } : describeCrud(crud, prefix);
  const ownDocs = describeRoutes(app, crud === undefined ? null : prefix);
  const paths = sortPaths(filterPaths(mergePaths(crudDocs.paths, ownDocs.paths), config.filter));
  return {
    openapi: '3.0.3',
    info: { title: 'Codehooks API', version: '1.0.0', ...config.info },
    servers: config.servers ?? [],
    paths,
    components: {
      schemas: { ...crudDocs.schemas, ...ownDocs.schemas, ...config.components?.schemas },
      securitySchemes: { ...securitySchemes, ...config.components?.securitySchemes },
    },
    security: config.security ?? [{ apiKey: [] }],
    ...(config.tags && config.tags.length > 0 ? { tags: config.tags } : {}),
    ...(config.externalDocs ? { externalDocs: config.externalDocs } : {}),
  };
}

interface RouteDocs {
  readonly paths: Paths;
  readonly schemas: Record<string, OpenAPISchema>;
}

function describeRoutes(app: Codehooks, crudPrefix: string | null): RouteDocs {
  const docs: RouteDocs = { paths: {}, schemas: {} };
  for (const key of Object.keys(app.routes)) {
    const separator = key.indexOf(' ');
    const [verb, path] = [key.slice(0, separator), key.slice(separator + 1)];
    if (isHidden(path, crudPrefix)) continue;
    const method = verb === '*' ? 'get' : verb.toLowerCase();
    const described = path.replaceAll(/:(\w+)/g, '{$1}');
    docs.paths[described] ??= {};
    docs.paths[described][method] ??= describeRoute(verb, path, app.openApiMeta[key] ?? {}, docs.schemas);
  }
  return docs;
}

/** Expressions cannot be described, documentation describes itself, and CRUD routes are described by collection. */
function isHidden(path: string, crudPrefix: string | null): boolean {
  if (path.startsWith('{') || path.includes('openapi.json') || path.includes('/docs') || path === wellKnownPath)
    return true;
  if (crudPrefix === null) return false;
  return ['/:collection', '/:collection/:ID', '/:collection/_byquery'].some((rest) => path === crudPrefix + rest);
}

function describeRoute(
  verb: string,
  path: string,
  meta: OpenAPIRouteSpec,
  schemas: Record<string, OpenAPISchema>,
): Operation {
  const { requestBody, ...rest } = meta;
  const parameters = [...path.matchAll(/:(\w+)/g)].map((match) => param(match[1]!));
  return {
    summary: `${verb} ${path}`,
    tags: ['default'],
    parameters,
    responses: { 200: { description: 'Success' } },
    ...rest,
    ...(requestBody
      ? { requestBody: describeBody(requestBody, meta.operationId ?? nameBody(verb, path), schemas) }
      : {}),
  };
}

/** Schemas of Yup and Zod are converted, and named among the components. */
function describeBody(
  requestBody: OpenAPIRequestBody,
  name: string,
  schemas: Record<string, OpenAPISchema>,
): OpenAPIRequestBody {
  const content = Object.entries(requestBody.content).map(([type, entry]) => {
    if (!isLibrarySchema(entry.schema)) return [type, entry];
    schemas[name] = toJsonSchema(entry.schema);
    return [type, { ...entry, schema: { $ref: `#/components/schemas/${name}` } }];
  });
  return { ...requestBody, content: Object.fromEntries(content) };
}

const bodyPrefixes: Readonly<Record<string, string>> = {
  POST: 'Create',
  PUT: 'Update',
  PATCH: 'Patch',
  DELETE: 'Delete',
};

function nameBody(verb: string, path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && !part.startsWith(':'));
  const name = parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('');
  return `${bodyPrefixes[verb] ?? ''}${name}Request`;
}

/** The app's own routes win over those of `crudlify`. */
function mergePaths(crud: Paths, own: Paths): Paths {
  const merged: Paths = { ...crud };
  for (const [path, methods] of Object.entries(own)) merged[path] = { ...merged[path], ...methods };
  return merged;
}

function filterPaths(paths: Paths, filter: OpenAPIConfig['filter']): Paths {
  if (filter === undefined) return paths;
  const kept = Object.entries(paths).map(([path, methods]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).filter(([method, { operationId, tags = [], summary }]) =>
        filter({ method, path, operationId, tags, summary }),
      ),
    ),
  ]);
  return Object.fromEntries(kept.filter(([, methods]) => Object.keys(methods!).length > 0)) as Paths;
}

function sortPaths(paths: Paths): Paths {
  return Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
}
