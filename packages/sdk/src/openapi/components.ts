import type { Untyped } from '../types.ts';
import { toJsonSchema } from './json-schema.ts';
import type { OpenAPISchema } from './openapi-types.ts';
import { type OpenApiVersion, toDialect } from './schema-dialect.ts';

/** The schemas of a document, under names that are unique and allowed. */
export class Components {
  readonly version: OpenApiVersion;
  readonly schemas: Record<string, OpenAPISchema> = {};
  readonly #given = new Set<string>();

  /** Takes over the components that the app defined itself. */
  constructor(version: OpenApiVersion, given: Readonly<Record<string, OpenAPISchema>> = {}) {
    this.version = version;
    for (const [name, schema] of Object.entries(given)) {
      this.#given.add(name);
      this.schemas[name] = toDialect(schema, version);
    }
  }

  /** Adds a schema of any kind and answers its name; `wanted` is what it should be called. */
  add(wanted: string, schema: Untyped): string {
    const name = this.#freeName(wanted);
    // Taken before what is inside gets its names.
    this.schemas[name] = {};
    this.schemas[name] = this.convert(schema, name);
    return name;
  }

  isGiven(name: string): boolean {
    return this.#given.has(name);
  }

  reference(name: string): OpenAPISchema {
    return { $ref: `#/components/schemas/${name}` };
  }

  /** A schema of Yup or Zod, or a JSON Schema, in the form of the document. Its definitions become components. */
  convert(schema: Untyped, owner: string): OpenAPISchema {
    const json = toJsonSchema(schema) as Record<string, Untyped>;
    const definitions: Record<string, Untyped> = { ...json.definitions, ...json.$defs };
    const names = new Map<string, string>();
    for (const [key, definition] of Object.entries(definitions)) {
      const name = this.#freeName(`${owner}.${key}`);
      this.schemas[name] = {};
      names.set(`#/$defs/${key}`, name);
      names.set(`#/definitions/${key}`, name);
      definitions[key] = definition;
    }
    const relocate = (value: Untyped): OpenAPISchema =>
      toDialect(relocateReferences(value, names, owner), this.version);
    for (const [key, definition] of Object.entries(definitions)) {
      this.schemas[names.get(`#/$defs/${key}`)!] = relocate(definition);
    }
    const { $defs: _defs, definitions: _definitions, ...root } = json;
    return relocate(root);
  }

  #freeName(wanted: string): string {
    const base = wanted.replaceAll(/[^\w.-]+/g, '_') || 'Schema';
    let name = base;
    for (let count = 2; Object.hasOwn(this.schemas, name); count += 1) name = `${base}${count}`;
    return name;
  }
}

/** References within a schema are relative to it; in the document they name components. */
function relocateReferences(value: Untyped, names: ReadonlyMap<string, string>, owner: string): Untyped {
  if (Array.isArray(value)) return value.map((item) => relocateReferences(item, names, owner));
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, Untyped> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') {
      const name = inner === '#' ? owner : names.get(inner);
      copy.$ref = name === undefined ? inner : `#/components/schemas/${name}`;
    } else if (key === 'enum' || key === 'const' || key === 'default' || key === 'example' || key === 'examples') {
      copy[key] = inner;
    } else copy[key] = relocateReferences(inner, names, owner);
  }
  return copy;
}
