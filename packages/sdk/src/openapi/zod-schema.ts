import type { Untyped } from '../types.ts';
import type { OpenAPISchema } from './openapi-types.ts';

/** Zod schemas of version 3 and 4 (which describe themselves differently) as JSON Schema. */
export function zodToJsonSchema(schema: Untyped): OpenAPISchema {
  return new ZodConverter().convert(schema);
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

class ZodConverter {
  /** Schemas that are being converted: one that comes again within itself is recursive. */
  readonly #open: Untyped[] = [];

  convert(schema: Untyped): OpenAPISchema {
    // The root has a name to refer to; what else is recursive may be anything from there on.
    const position = this.#open.indexOf(schema);
    if (position !== -1) return position === 0 ? { $ref: '#' } : {};
    this.#open.push(schema);
    const converted = this.#convertType(schema, definition(schema));
    this.#open.pop();
    const description = schema.description ?? definition(schema).description;
    return description === undefined ? converted : { ...converted, description };
  }

  #convertType(schema: Untyped, def: Untyped): OpenAPISchema {
    const name = typeName(schema);
    if (wrappers.has(name)) return this.#convertWrapper(name, def);
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
      case 'null':
        return { enum: [null] };
      case 'object':
        return this.#convertObject(schema, def);
      case 'array':
        return { type: 'array', items: this.convert(def.element ?? def.type), ...readLengths(def) };
      case 'set':
        return { type: 'array', uniqueItems: true, items: this.convert(def.valueType) };
      case 'tuple': {
        const items: OpenAPISchema[] = def.items.map((item: Untyped) => this.convert(item));
        return {
          type: 'array',
          prefixItems: items,
          minItems: items.length,
          ...(def.rest ? {} : { maxItems: items.length }),
        };
      }
      case 'record':
        return { type: 'object', additionalProperties: this.convert(def.valueType) };
      case 'enum':
      case 'nativeenum':
        return enumOf(Object.values(def.entries ?? def.values));
      case 'literal':
        return enumOf(def.values ?? [def.value]);
      case 'union':
      case 'discriminatedunion':
        return { oneOf: [...(def.options?.values?.() ?? def.options)].map((option) => this.convert(option)) };
      case 'intersection':
        return { allOf: [this.convert(def.left), this.convert(def.right)] };
      case 'lazy':
        return this.convert(def.getter());
      case 'effects':
        return this.convert(def.schema);
      case 'pipe':
      case 'pipeline':
        return this.convert(def.in);
      default:
        return {};
    }
  }

  #convertWrapper(name: string, def: Untyped): OpenAPISchema {
    const inner = this.convert(def.innerType ?? def.type);
    if (name === 'nullable') return { ...inner, nullable: true };
    if (name !== 'default') return inner;
    const value = typeof def.defaultValue === 'function' ? def.defaultValue() : def.defaultValue;
    return { ...inner, default: value };
  }

  #convertObject(schema: Untyped, def: Untyped): OpenAPISchema {
    const shape: Record<string, Untyped> =
      typeof def.shape === 'function' ? def.shape() : (def.shape ?? schema.shape ?? {});
    const entries = Object.entries(shape);
    const required = entries.filter(([, field]) => !isOptional(field)).map(([name]) => name);
    const isClosed = def.unknownKeys === 'strict' || typeName(def.catchall) === 'never';
    return {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, field]) => [name, this.convert(field)])),
      ...(required.length > 0 ? { required } : {}),
      ...(isClosed && def.unknownKeys !== 'strip' ? { additionalProperties: false } : {}),
    };
  }
}

/** Version 3 calls a TypeScript enum by both of its sides: names and numbers. */
function enumOf(given: readonly unknown[]): OpenAPISchema {
  const hasNumbers = given.some((value) => typeof value === 'number');
  const values = hasNumbers ? given.filter((value) => !isReverseName(value, given)) : [...given];
  return values.length > 0 && values.every((value) => typeof value === 'string')
    ? { type: 'string', enum: values }
    : { enum: values };
}

function isReverseName(value: unknown, all: readonly unknown[]): boolean {
  const isMirrored = all.length % 2 === 0 && all.filter((other) => typeof other === 'number').length * 2 === all.length;
  return typeof value === 'string' && isMirrored;
}

function readLengths(def: Untyped): OpenAPISchema {
  const lengths: OpenAPISchema = {};
  // Version 3 keeps the limits of arrays by name.
  if (def.minLength) lengths.minItems = def.minLength.value;
  if (def.maxLength) lengths.maxItems = def.maxLength.value;
  if (def.exactLength) Object.assign(lengths, { minItems: def.exactLength.value, maxItems: def.exactLength.value });
  for (const check of def.checks ?? []) {
    const { check: kind, minimum, maximum, length } = check._zod?.def ?? check;
    if (kind === 'min_length') lengths.minItems = minimum;
    else if (kind === 'max_length') lengths.maxItems = maximum;
    else if (kind === 'length_equals') Object.assign(lengths, { minItems: length, maxItems: length });
  }
  return lengths;
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
  time: 'time',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
};

function addFormat(result: OpenAPISchema, format: unknown): void {
  if (typeof format !== 'string') return;
  if (format === 'safeint' || format === 'int32') result.type = 'integer';
  else if (formats[format] !== undefined) result.format = formats[format]!;
}

function addCheck(result: OpenAPISchema, check: Untyped): void {
  const isText = result.type === 'string';
  const kind: string = check.kind ?? check.check;
  if (kind === 'min' || kind === 'greater_than') addLimit(result, isText ? 'minLength' : 'minimum', check);
  else if (kind === 'max' || kind === 'less_than') addLimit(result, isText ? 'maxLength' : 'maximum', check);
  else if (kind === 'min_length') result.minLength = check.minimum;
  else if (kind === 'max_length') result.maxLength = check.maximum;
  else if (kind === 'length' || kind === 'length_equals') {
    result.minLength = check.value ?? check.length;
    result.maxLength = result.minLength;
  } else if (kind === 'int') result.type = 'integer';
  else if (kind === 'multipleOf' || kind === 'multiple_of') result.multipleOf = check.value;
  else if (kind === 'regex') result.pattern = (check.regex as RegExp).source;
  else addFormat(result, kind === 'string_format' || kind === 'number_format' ? check.format : kind);
  if (check.format === 'regex' && check.pattern instanceof RegExp) result.pattern = check.pattern.source;
}

const exclusive: Readonly<Record<string, string>> = { minimum: 'exclusiveMinimum', maximum: 'exclusiveMaximum' };

function addLimit(result: OpenAPISchema, name: string, check: Untyped): void {
  const isExclusive = check.inclusive === false && exclusive[name] !== undefined;
  result[isExclusive ? exclusive[name]! : name] = typeof check.value === 'bigint' ? Number(check.value) : check.value;
}
