import { detectSchemaKind } from '../crudlify/validators.ts';
import type { Untyped } from '../types.ts';
import type { OpenAPISchema } from './openapi-types.ts';
import { zodToJsonSchema } from './zod-schema.ts';

/** A schema of Yup or Zod, or a JSON Schema, as JSON Schema. What cannot be expressed is left out. */
export function toJsonSchema(schema: Untyped): OpenAPISchema {
  try {
    const kind = detectSchemaKind(schema);
    if (kind === 'zod') return zodToJsonSchema(schema);
    if (kind === 'yup' && typeof schema.describe === 'function') return yupToJsonSchema(schema.describe());
  } catch (error) {
    console.warn('A schema could not be described for OpenAPI:', error);
    return { type: 'object' };
  }
  return cleanJsonSchema(schema);
}

/** True for what has to be converted first; other schemas may stand in a document as they are. */
export function isLibrarySchema(schema: Untyped): boolean {
  return typeof schema?.parse === 'function' || typeof schema?.validate === 'function';
}

function cleanJsonSchema(schema: Untyped): OpenAPISchema {
  if (typeof schema !== 'object' || schema === null) return { type: 'object' };
  const { $schema, $id, ...rest } = schema;
  return rest;
}

/** What Yup's `describe()` answers, as far as it is used. */
interface YupDescription {
  readonly type: string;
  readonly fields?: Readonly<Record<string, YupDescription>>;
  readonly innerType?: YupDescription;
  readonly tests?: readonly { readonly name?: string; readonly params?: Untyped }[];
  readonly oneOf?: readonly unknown[];
  readonly optional?: boolean;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly label?: string;
}

const yupTypes: Readonly<Record<string, OpenAPISchema>> = {
  string: { type: 'string' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  date: { type: 'string', format: 'date-time' },
  array: { type: 'array' },
  object: { type: 'object' },
  mixed: {},
};

function yupToJsonSchema(description: YupDescription): OpenAPISchema {
  const schema: OpenAPISchema = { ...(yupTypes[description.type] ?? {}) };
  for (const test of description.tests ?? []) addYupTest(schema, test.name, test.params);
  // Others are references to fields.
  const values = description.oneOf?.filter((value) => typeof value !== 'object' || value === null) ?? [];
  if (values.length > 0) schema.enum = values;
  if (description.nullable) schema.nullable = true;
  if (description.label) schema.description = description.label;
  const { default: value } = description;
  if (value !== undefined && value !== null && typeof value !== 'object') schema.default = value;
  if (description.type === 'array') schema.items = description.innerType ? yupToJsonSchema(description.innerType) : {};
  if (description.fields) addYupFields(schema, description.fields);
  return schema;
}

function addYupFields(schema: OpenAPISchema, fields: Readonly<Record<string, YupDescription>>): void {
  const entries = Object.entries(fields);
  schema.properties = Object.fromEntries(entries.map(([name, field]) => [name, yupToJsonSchema(field)]));
  const required = entries.filter(([, field]) => isRequired(field)).map(([name]) => name);
  if (required.length > 0) schema.required = required;
}

function isRequired(field: YupDescription): boolean {
  const isNamed = field.tests?.some(({ name }) => name === 'required') ?? false;
  return isNamed || (field.optional === false && field.default === undefined);
}

function addYupTest(schema: OpenAPISchema, name: string | undefined, params: Untyped): void {
  const kind = schema.type === 'string' ? 'Length' : schema.type === 'array' ? 'Items' : '';
  if (name === 'email' || name === 'uuid') schema.format = name;
  else if (name === 'url') schema.format = 'uri';
  else if (name === 'integer') schema.type = 'integer';
  else if (name === 'matches') schema.pattern = String(params?.regex ?? '').replace(/^\/(.*)\/[a-z]*$/s, '$1');
  else if (name === 'length') Object.assign(schema, { [`min${kind}`]: params?.length, [`max${kind}`]: params?.length });
  else if (name === 'min' && params?.more !== undefined) schema.exclusiveMinimum = params.more;
  else if (name === 'max' && params?.less !== undefined) schema.exclusiveMaximum = params.less;
  else if (name === 'min' || name === 'max') schema[kind === '' ? `${name}imum` : name + kind] = params?.[name];
}
