import type { Untyped } from '../types.ts';
import type {
  OpenAPIMiddleware,
  OpenAPIParameter,
  OpenAPIRequestBody,
  OpenAPIResponse,
  OpenAPIRouteSpec,
  OpenAPISchema,
} from './openapi-types.ts';

/** A JSON Schema, or a schema of Zod or Yup, which is converted when the document is made. */
type DescribedSchema = OpenAPISchema | object;

/** Describes a route: `app.get('/x', openapi({summary: '…'}), handler)`. */
export function openapi(spec: OpenAPIRouteSpec): OpenAPIMiddleware {
  return Object.assign((_request: unknown, _response: unknown, next: () => void) => next(), {
    _openApiSpec: spec,
    _isOpenApiMiddleware: true as const,
  });
}

export function response(
  description: string,
  schema?: DescribedSchema,
  contentType = 'application/json',
): OpenAPIResponse {
  return schema === undefined ? { description } : { description, content: { [contentType]: { schema } } };
}

export function body(
  schema: DescribedSchema,
  options: { required?: boolean; description?: string; contentType?: string } = {},
): OpenAPIRequestBody {
  const { required = true, description, contentType = 'application/json' } = options;
  return { required, ...(description === undefined ? {} : { description }), content: { [contentType]: { schema } } };
}

interface ParameterOptions {
  readonly description?: string;
  readonly required?: boolean;
  readonly schema?: DescribedSchema;
  readonly example?: Untyped;
}

export function param(name: string, options: ParameterOptions = {}): OpenAPIParameter {
  return createParameter('path', name, { ...options, required: true });
}

export function query(name: string, options: ParameterOptions = {}): OpenAPIParameter {
  return createParameter('query', name, options);
}

export function header(name: string, options: ParameterOptions = {}): OpenAPIParameter {
  return createParameter('header', name, options);
}

function createParameter(place: OpenAPIParameter['in'], name: string, options: ParameterOptions): OpenAPIParameter {
  const { description, required = false, schema = { type: 'string' }, example } = options;
  return {
    name,
    in: place,
    required,
    schema,
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { example }),
  };
}
