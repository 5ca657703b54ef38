import type { Untyped } from '../types.ts';
import type { OpenAPISchema } from './openapi-types.ts';

/** The two forms that a document can have: schemas of 3.0 are a dialect of their own, those of 3.1 are JSON Schema. */
export type OpenApiVersion = '3.0' | '3.1';

type Schema = Record<string, Untyped>;

const schemaKeywords = ['items', 'additionalProperties', 'not'];
const listKeywords = ['allOf', 'oneOf', 'anyOf'];
/** Unknown to 3.0. */
const only31 = [
  ...['$schema', '$id', '$anchor', '$comment', '$vocabulary', '$dynamicRef', '$dynamicAnchor', '$defs', 'definitions'],
  ...['if', 'then', 'else', 'dependentSchemas', 'dependentRequired', 'dependencies', 'contains', 'minContains'],
  ...['maxContains', 'patternProperties', 'propertyNames', 'unevaluatedItems', 'unevaluatedProperties', 'prefixItems'],
  ...['contentEncoding', 'contentMediaType', 'contentSchema', 'examples', 'id'],
];

/** A schema of either form in the wanted one. What 3.0 cannot say is left out: the result then accepts more. */
export function toDialect(schema: Untyped, version: OpenApiVersion): OpenAPISchema {
  if (schema === true || schema === null || typeof schema !== 'object') return schema === false ? { not: {} } : {};
  return version === '3.0' ? to30(schema) : to31(schema);
}

function to30(given: Schema): OpenAPISchema {
  // In 3.0 nothing may stand beside a reference.
  if (typeof given.$ref === 'string') return { $ref: given.$ref };
  const schema = convertInner(given, '3.0');
  if ('const' in schema) {
    schema.enum = [schema.const];
    delete schema.const;
  }
  for (const [limit, exclusive] of exclusiveLimits) {
    if (typeof schema[exclusive] !== 'number') continue;
    schema[limit] = schema[exclusive];
    schema[exclusive] = true;
  }
  if (Array.isArray(given.examples) && schema.example === undefined) schema.example = given.examples[0];
  if (Array.isArray(schema.items)) schema.items = {};
  for (const keyword of only31) delete schema[keyword];
  nullable30(schema);
  if (schema.type === 'array' && schema.items === undefined) schema.items = {};
  return schema;
}

const exclusiveLimits = [
  ['minimum', 'exclusiveMinimum'],
  ['maximum', 'exclusiveMaximum'],
] as const;

/** 3.0 has no type `null` and no list of types. */
function nullable30(schema: Schema): void {
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches: unknown = schema[keyword];
    if (!Array.isArray(branches)) continue;
    const others = branches.filter((branch) => !isNull(branch));
    if (others.length === branches.length) continue;
    schema.nullable = true;
    if (others.length === 0) delete schema[keyword];
    else schema[keyword] = others;
  }
  if (Array.isArray(schema.enum) && schema.enum.includes(null)) schema.nullable = true;
  const types: unknown = schema.type;
  if (types === 'null') {
    delete schema.type;
    Object.assign(schema, { nullable: true, enum: [null] });
  }
  if (!Array.isArray(types)) return;
  const others = types.filter((type) => type !== 'null');
  if (others.length < types.length) schema.nullable = true;
  delete schema.type;
  if (others.length === 1) schema.type = others[0];
  else if (others.length > 1) {
    schema.anyOf ??= others.map((type) => (type === 'array' ? { type, items: schema.items ?? {} } : { type }));
  }
}

/** What `to30` makes of the type `null`. */
function isNull(branch: unknown): boolean {
  if (typeof branch !== 'object' || branch === null) return false;
  const { enum: values, nullable } = branch as Schema;
  return nullable === true && Array.isArray(values) && values.length === 1 && values[0] === null;
}

function to31(given: Schema): OpenAPISchema {
  const schema = convertInner(given, '3.1');
  for (const [limit, exclusive] of exclusiveLimits) {
    if (schema[exclusive] === true && schema[limit] !== undefined) {
      schema[exclusive] = schema[limit];
      delete schema[limit];
    } else if (typeof schema[exclusive] === 'boolean') delete schema[exclusive];
  }
  if (schema.example !== undefined) {
    schema.examples ??= [schema.example];
    delete schema.example;
  }
  if (schema.nullable === true) {
    if (typeof schema.type === 'string') schema.type = [schema.type, 'null'];
    else if (Array.isArray(schema.type)) schema.type = [...new Set([...schema.type, 'null'])];
    else return { anyOf: [withoutNullable(schema), nullType] };
  }
  return withoutNullable(schema);
}

function withoutNullable({ nullable: _, $schema: _dialect, ...schema }: Schema): OpenAPISchema {
  return schema;
}

/** The schemas within a schema; data (`default`, `enum`, `example`) stays as it is. */
function convertInner(given: Schema, version: OpenApiVersion): Schema {
  const schema: Schema = { ...given };
  for (const keyword of schemaKeywords) {
    const inner = schema[keyword];
    const isFlag = keyword === 'additionalProperties' && typeof inner === 'boolean';
    if (inner !== undefined && !Array.isArray(inner) && !isFlag) schema[keyword] = toDialect(inner, version);
  }
  if (Array.isArray(schema.items) && version === '3.1') {
    schema.prefixItems = schema.items.map((item: Untyped) => toDialect(item, version));
    delete schema.items;
  }
  for (const keyword of listKeywords) {
    if (Array.isArray(schema[keyword])) {
      schema[keyword] = schema[keyword].map((item: Untyped) => toDialect(item, version));
    }
  }
  for (const keyword of ['properties', '$defs', 'patternProperties', 'dependentSchemas']) {
    const inner: unknown = schema[keyword];
    if (typeof inner !== 'object' || inner === null) continue;
    schema[keyword] = Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, toDialect(one, version)]));
  }
  if (Array.isArray(schema.required) && schema.required.length === 0) delete schema.required;
  return schema;
}

/** Only 3.1 has this type. */
const nullType = { type: 'null' } as unknown as OpenAPISchema;
