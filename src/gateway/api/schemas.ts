/** JSON Schemas of bodies and queries. Unknown fields are refused, because a misspelt option must not be ignored. */
type Schema = Readonly<Record<string, unknown>>;

export function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}

export function text(options: Schema = {}): Schema {
  return { type: 'string', ...options };
}

export function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values };
}

export function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] };
}

export function list(items: Schema): Schema {
  return { type: 'array', items };
}

export function integer(options: Schema = {}): Schema {
  return { type: 'integer', ...options };
}

/** Lower-case hexadecimal. */
export const sha256: Schema = text({ pattern: '^[0-9a-f]{64}$' });

export const boolean: Schema = { type: 'boolean' };
export const anyValue: Schema = {};
export const anyObject: Schema = { type: 'object' };

/** Query parameter `limit` with a default and a ceiling. */
export function limit(defaultValue: number, maximum: number): Schema {
  return integer({ minimum: 1, maximum, default: defaultValue });
}
