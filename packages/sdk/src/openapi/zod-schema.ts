import type { Untyped } from '../types.ts';
import type { OpenAPISchema } from './openapi-types.ts';

/** Zod schemas of version 3 and 4 (which describe themselves differently) as a schema of OpenAPI. */
export function zodToJsonSchema(schema: Untyped): OpenAPISchema {
  const converted = convert(schema);
  const description = schema.description ?? definition(schema).description;
  return description === undefined ? converted : { ...converted, description };
}

function definition(schema: Untyped): Untyped {
  return schema?._zod?.def ?? schema?._def ?? schema?.def ?? {};
}

/** `string`, `object`, `optional` … in both versions: `ZodString` of version 3 is `string` in version 4. */
function typeName(schema: Untyped): string {
  const def = definition(schema);
  if (typeof def.typeName === 'string') return def.typeName.replace(/^Zod/, '').toLowerCase();
  return typeof def.type === 'string' ? def.type : '';
}

const wrappers = new Set([
  'optional',
  'nullable',
  'default',
  'prefault',
  'readonly',
  'catch',
  'nonoptional',
  'branded',
]);

function convert(schema: Untyped): OpenAPISchema {
  const def = definition(schema);
  const name = typeName(schema);
  if (wrappers.has(name)) return convertWrapper(name, def);
  switch (name) {
    case 'string':
    case 'number':
    case 'int':
    case 'bigint':
      return convertChecked(schema, def, name === 'string' ? 'string' : name === 'number' ? 'number' : 'integer');
    case 'boolean':
      return { type: 'boolean' };
    case 'date':
      return { type: 'string', format: 'date-time' };
    case 'object':
      return convertObject(schema, def);
    case 'array':
      return { type: 'array', items: zodToJsonSchema(def.element ?? def.type) };
    case 'record':
      return { type: 'object', additionalProperties: zodToJsonSchema(def.valueType) };
    case 'enum':
    case 'nativeenum':
      return { enum: Object.values(def.entries ?? def.values) };
    case 'literal':
      return { enum: def.values ?? [def.value] };
    case 'union':
    case 'discriminatedunion':
      return { oneOf: [...(def.options?.values?.() ?? def.options)].map(zodToJsonSchema) };
    case 'intersection':
      return { allOf: [zodToJsonSchema(def.left), zodToJsonSchema(def.right)] };
    case 'effects':
      return zodToJsonSchema(def.schema);
    case 'pipe':
    case 'pipeline':
      return zodToJsonSchema(def.in);
    default:
      return {};
  }
}

function convertWrapper(name: string, def: Untyped): OpenAPISchema {
  const inner = zodToJsonSchema(def.innerType ?? def.type);
  if (name === 'nullable') return { ...inner, nullable: true };
  if (name !== 'default') return inner;
  const value = typeof def.defaultValue === 'function' ? def.defaultValue() : def.defaultValue;
  return { ...inner, default: value };
}

function convertObject(schema: Untyped, def: Untyped): OpenAPISchema {
  const shape: Record<string, Untyped> =
    typeof def.shape === 'function' ? def.shape() : (def.shape ?? schema.shape ?? {});
  const entries = Object.entries(shape);
  const required = entries.filter(([, field]) => !isOptional(field)).map(([name]) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, field]) => [name, zodToJsonSchema(field)])),
    ...(required.length > 0 ? { required } : {}),
  };
}

function isOptional(field: Untyped): boolean {
  const name = typeName(field);
  if (name === 'optional' || name === 'default' || name === 'prefault' || name === 'catch') return true;
  return wrappers.has(name) && name !== 'nonoptional' && isOptional(definition(field).innerType);
}

function convertChecked(schema: Untyped, def: Untyped, type: 'string' | 'number' | 'integer'): OpenAPISchema {
  const result: OpenAPISchema = { type };
  addFormat(result, def.format);
  for (const check of def.checks ?? []) addCheck(result, check._zod?.def ?? check);
  // Version 4 also keeps the limits here, whatever way they were set.
  const bag = schema?._zod?.bag;
  if (type === 'string' && bag) {
    result.minLength ??= bag.minimum;
    result.maxLength ??= bag.maximum;
  }
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== undefined));
}

const formats: Readonly<Record<string, string>> = {
  email: 'email',
  url: 'uri',
  uuid: 'uuid',
  guid: 'uuid',
  datetime: 'date-time',
  date: 'date',
};

function addFormat(result: OpenAPISchema, format: unknown): void {
  if (typeof format !== 'string') return;
  if (format === 'safeint' || format === 'int32') result.type = 'integer';
  else if (formats[format] !== undefined) result.format = formats[format]!;
}

function addCheck(result: OpenAPISchema, check: Untyped): void {
  const isText = result.type === 'string';
  const kind: string = check.kind ?? check.check;
  if (kind === 'min' || kind === 'greater_than') result[isText ? 'minLength' : 'minimum'] = check.value;
  else if (kind === 'max' || kind === 'less_than') result[isText ? 'maxLength' : 'maximum'] = check.value;
  else if (kind === 'min_length') result.minLength = check.minimum;
  else if (kind === 'max_length') result.maxLength = check.maximum;
  else if (kind === 'int') result.type = 'integer';
  else if (kind === 'regex') result.pattern = (check.regex as RegExp).source;
  else addFormat(result, kind === 'string_format' || kind === 'number_format' ? check.format : kind);
}
