import type { nextFunction, Untyped } from '../types.ts';

/** The parts of an OpenAPI document that apps describe their routes with. */
export type OpenAPISchema = {
  type?: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';
  format?: string;
  items?: OpenAPISchema;
  properties?: Record<string, OpenAPISchema>;
  required?: string[];
  $ref?: string;
  enum?: Untyped[];
  default?: Untyped;
  example?: Untyped;
  description?: string;
  nullable?: boolean;
  allOf?: OpenAPISchema[];
  oneOf?: OpenAPISchema[];
  anyOf?: OpenAPISchema[];
  [keyword: string]: Untyped;
};

export type OpenAPIParameter = {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  description?: string;
  required?: boolean;
  schema: OpenAPISchema;
  example?: Untyped;
};

type Content = Record<string, { schema: OpenAPISchema; example?: Untyped }>;

export type OpenAPIRequestBody = { description?: string; required?: boolean; content: Content };

export type OpenAPIResponse = {
  description: string;
  content?: Content;
  headers?: Record<string, { description?: string; schema: OpenAPISchema }>;
};

export type OpenAPIRouteSpec = {
  summary?: string;
  description?: string;
  tags?: string[];
  operationId?: string;
  parameters?: OpenAPIParameter[];
  requestBody?: OpenAPIRequestBody;
  responses?: Record<string, OpenAPIResponse>;
  security?: Array<Record<string, string[]>>;
  deprecated?: boolean;
};

export type OpenAPIInfo = {
  title?: string;
  description?: string;
  version?: string;
  termsOfService?: string;
  contact?: { name?: string; url?: string; email?: string };
  license?: { name: string; url?: string };
};

export type OpenAPIServer = {
  url: string;
  description?: string;
  variables?: Record<string, { default: string; enum?: string[]; description?: string }>;
};

export type OpenAPITag = {
  name: string;
  description?: string;
  externalDocs?: { url: string; description?: string };
};

export type OpenAPIFilterOperation = {
  method: string;
  path: string;
  operationId?: string;
  tags: string[];
  summary?: string;
};

export type OpenAPIConfig = {
  /** `'3.1'` for a document of OpenAPI 3.1; 3.0.3 unless set. Whoever asks may also choose: `/openapi.json?openapi=3.1`. */
  openapi?: string;
  info?: OpenAPIInfo;
  servers?: OpenAPIServer[];
  components?: { schemas?: Record<string, OpenAPISchema>; securitySchemes?: Record<string, Untyped> };
  security?: Array<Record<string, string[]>>;
  /** `/openapi.json` unless set. */
  specPath?: string;
  swaggerUi?: { oauth2RedirectUrl?: string; validatorUrl?: string | null; favicon?: string };
  tags?: OpenAPITag[];
  externalDocs?: { url: string; description?: string };
  /** Operations for which it answers false are left out. */
  filter?: (operation: OpenAPIFilterOperation) => boolean;
};

export type Operation = OpenAPIRouteSpec & { responses: Record<string, OpenAPIResponse> };
export type Paths = Record<string, Record<string, Operation>>;

/** Middleware that only carries the description of its route. */
export type OpenAPIMiddleware = ((request: unknown, response: unknown, next: nextFunction) => void) & {
  _openApiSpec: OpenAPIRouteSpec;
  _isOpenApiMiddleware: true;
};
