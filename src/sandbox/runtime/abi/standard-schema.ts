import { isObject } from './arguments.ts';
import { createAppError } from './host-error.ts';

/** A schema of any library that follows https://standardschema.dev: Zod, Valibot, ArkType, Yup from 1.7 and others. */
export interface StandardSchema {
  readonly '~standard': {
    validate(value: unknown): SchemaResult | Promise<SchemaResult>;
  };
}

type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export function requireSchema(schema: unknown, collection: string): StandardSchema {
  const isSchema = (typeof schema === 'object' || typeof schema === 'function') && schema !== null;
  if (isSchema && '~standard' in schema && isObject(schema['~standard'])) return schema as StandardSchema;
  throw new TypeError(
    `collection "${collection}": the schema must follow Standard Schema (Zod 3.24 and later, Valibot, ArkType, Yup 1.7 …); ` +
      'for a JSON Schema use setSchema',
  );
}

/**
 * The document as its schema gives it back, with `_id` and `_ttl` as they were. Rejects with `schema_violation`; as JSON the
 * error is `{issues: [{message, path}]}`.
 */
export async function validateDocument(
  schema: StandardSchema,
  document: Readonly<Record<string, unknown>>,
  collection: string,
): Promise<Record<string, unknown>> {
  const { _id, _ttl, ...fields } = document;
  const result = await schema['~standard'].validate(fields);
  if (result.issues !== undefined) throw createViolation(result.issues, collection);
  if (!isObject(result.value)) throw new TypeError(`collection "${collection}": the schema must describe an object`);
  return {
    ...result.value,
    ...(_id === undefined ? {} : { _id }),
    ...(_ttl === undefined ? {} : { _ttl }),
  };
}

function createViolation(given: readonly SchemaIssue[], collection: string): Error {
  const issues = given.map(({ message, path = [] }) => ({ message, path: path.map(toKey) }));
  const [first] = issues;
  const where = first === undefined || first.path.length === 0 ? '' : ` at ${first.path.join('.')}`;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return createAppError(
    `The document does not fit the schema of "${collection}"${where}: ${first?.message ?? 'no reason given'}${more}`,
    'schema_violation',
    { issues },
  );
}

function toKey(segment: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof segment === 'object' ? segment.key : segment;
  return typeof key === 'symbol' ? String(key) : key;
}
