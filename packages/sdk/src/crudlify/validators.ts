import { loadPlatformAjv } from '../platform.ts';
import type { Untyped } from '../types.ts';

/** Resolves with the document to store; rejects with what the client is told. */
export type Validate = (document: Untyped) => Promise<Untyped>;

export type SchemaKind = 'yup' | 'zod' | 'json-schema';

/** A validator of JSON Schema, as `new Ajv()` makes it. */
interface JsonSchemaValidator {
  compile(schema: Untyped): ((document: unknown) => boolean) & { errors?: unknown };
}

export interface ValidatorOptions {
  /** Takes all schemas for this kind instead of looking at them. */
  readonly schema?: string;
  /** An own Ajv for JSON Schema. */
  readonly validator?: JsonSchemaValidator;
}

/** Null where nothing is to be validated. */
export function createValidator(schema: Untyped, options: ValidatorOptions): Validate | null {
  if (schema === null || schema === undefined) return null;
  const kind = detectSchemaKind(schema, options.schema);
  if (kind === 'zod') return createZodValidator(schema);
  if (kind === 'json-schema') return createJsonSchemaValidator(schema, options.validator);
  return typeof schema.validate === 'function' ? createYupValidator(schema) : null;
}

export function detectSchemaKind(schema: Untyped, forced?: string): SchemaKind {
  if (typeof schema?.parse === 'function') return 'zod';
  if (typeof schema?.validate === 'function') return 'yup';
  if (schema?.properties !== undefined) return 'json-schema';
  const name = String(forced ?? '').toLowerCase();
  return name === 'zod' || name === 'json-schema' ? name : 'yup';
}

function createYupValidator(schema: Untyped): Validate {
  return async (document) => {
    await schema.validate(document);
    return schema.cast ? schema.cast(document) : document;
  };
}

function createZodValidator(schema: Untyped): Validate {
  return async (document) => {
    try {
      return await (schema.parseAsync ? schema.parseAsync(document) : schema.parse(document));
    } catch (error) {
      throw (error as { issues?: unknown }).issues ?? error;
    }
  };
}

function createJsonSchemaValidator(schema: Untyped, own: JsonSchemaValidator | undefined): Validate {
  let compiled: ReturnType<JsonSchemaValidator['compile']> | null = null;
  return async (document) => {
    const validator: JsonSchemaValidator = own ?? (await loadPlatformAjv());
    compiled ??= validator.compile(schema);
    const check = compiled;
    if (check(document)) return document;
    throw check.errors;
  };
}
