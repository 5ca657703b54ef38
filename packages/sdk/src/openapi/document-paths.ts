import type { Components } from './components.ts';
import { param } from './helpers.ts';
import { isLibrarySchema } from './json-schema.ts';
import type {
  OpenAPIConfig,
  OpenAPIParameter,
  OpenAPIRequestBody,
  OpenAPIResponse,
  OpenAPIRouteSpec,
  OpenAPISchema,
  Operation,
  Paths,
} from './openapi-types.ts';

/** What is known of a route: how it is registered, and what `openapi()` says about it. */
export interface DescribedRoute {
  /** `GET`, or `*` for every method. */
  readonly verb: string;
  /** As it is registered: `/users/:id`. */
  readonly path: string;
  readonly meta: OpenAPIRouteSpec;
}

/** One operation of the document; schemas of libraries become components. */
export function describeRoute({ verb, path, meta }: DescribedRoute, components: Components): Operation {
  const { requestBody, parameters, responses, ...rest } = meta;
  const name = meta.operationId ?? nameBody(verb, path);
  return {
    summary: `${verb} ${path}`,
    tags: ['default'],
    ...rest,
    parameters: describeParameters(parameters ?? [], path, name, components),
    ...(requestBody === undefined ? {} : { requestBody: describeBody(requestBody, name, components) }),
    responses: describeResponses(responses, name, components),
  };
}

/** Those that are said, and the parameters of the path that are not; a parameter of another path is left out. */
function describeParameters(
  given: readonly OpenAPIParameter[],
  path: string,
  name: string,
  components: Components,
): OpenAPIParameter[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
  const said = given
    .filter((parameter) => parameter.in !== 'path' || inPath.includes(parameter.name))
    .map((parameter) => ({
      ...parameter,
      ...(parameter.in === 'path' ? { required: true } : {}),
      schema: describeSchema(parameter.schema ?? {}, `${name}.${parameter.name}`, components),
    }));
  const missing = inPath.filter((one) => !said.some((parameter) => parameter.in === 'path' && parameter.name === one));
  return [...missing.map((one) => param(one)), ...said];
}

function describeBody(requestBody: OpenAPIRequestBody, name: string, components: Components): OpenAPIRequestBody {
  return { ...requestBody, content: describeContent(requestBody.content ?? {}, name, components) };
}

function describeResponses(
  given: Operation['responses'] | undefined,
  name: string,
  components: Components,
): Operation['responses'] {
  const entries = Object.entries(given ?? {});
  if (entries.length === 0) return { 200: { description: 'Success' } };
  return Object.fromEntries(
    entries.map(([status, said]): [string, OpenAPIResponse] => [
      status,
      {
        ...said,
        description: said.description ?? 'Response',
        ...(said.content ? { content: describeContent(said.content, `${name}.${status}`, components) } : {}),
      },
    ]),
  );
}

function describeContent(
  content: OpenAPIRequestBody['content'],
  name: string,
  components: Components,
): OpenAPIRequestBody['content'] {
  return Object.fromEntries(
    Object.entries(content).map(([type, entry]) => [
      type,
      entry.schema === undefined ? entry : { ...entry, schema: describeSchema(entry.schema, name, components) },
    ]),
  );
}

/** Schemas of Yup and Zod, and those that refer to themselves, are named among the components; others stand where they are. */
export function describeSchema(schema: OpenAPISchema, name: string, components: Components): OpenAPISchema {
  const needsName = isLibrarySchema(schema) || JSON.stringify(schema).includes('"$ref":"#"');
  if (!needsName) return components.convert(schema, name);
  return components.reference(components.add(name, schema));
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

/**
 * Paths of a document under construction. Two routes whose paths differ in the names of their parameters alone are one path
 * of the document, under the names that came first; the first route with a method has it.
 */
export class DocumentPaths {
  readonly paths: Paths = {};
  readonly #templates = new Map<string, string>();

  add(method: string, path: string, operation: Operation): void {
    const key = path.replaceAll(/\{\w+\}/g, '{}');
    const template = this.#templates.get(key) ?? path;
    this.#templates.set(key, template);
    this.paths[template] ??= {};
    this.paths[template][method] ??= template === path ? operation : renameParameters(operation, path, template);
  }

  addAll(paths: Paths): void {
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(methods)) this.add(method, path, operation);
    }
  }

  /** For the document: filtered, sorted, and every operation id once. */
  finish(filter: OpenAPIConfig['filter']): Paths {
    const ids = new Set<string>();
    const finished: Paths = {};
    for (const path of Object.keys(this.paths).sort()) {
      const kept = Object.entries(this.paths[path]!).filter(
        ([method, { operationId, tags = [], summary }]) =>
          filter === undefined || filter({ method, path, operationId, tags, summary }),
      );
      if (kept.length === 0) continue;
      finished[path] = Object.fromEntries(kept.map(([method, operation]) => [method, withUniqueId(operation, ids)]));
    }
    return finished;
  }
}

function renameParameters(operation: Operation, path: string, template: string): Operation {
  const [given, wanted] = [path, template].map((one) => [...one.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!));
  const names = new Map(given!.map((name, index) => [name, wanted![index]!]));
  return {
    ...operation,
    parameters: operation.parameters?.map((parameter) =>
      parameter.in === 'path' ? { ...parameter, name: names.get(parameter.name) ?? parameter.name } : parameter,
    ),
  };
}

function withUniqueId(operation: Operation, ids: Set<string>): Operation {
  const { operationId: wanted } = operation;
  if (wanted === undefined) return operation;
  let operationId = wanted;
  for (let count = 2; ids.has(operationId); count += 1) operationId = `${wanted}${count}`;
  ids.add(operationId);
  return { ...operation, operationId };
}
