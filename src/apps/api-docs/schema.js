/** What a schema of an API document looks like: as text for readers, and as an example to start from. */

/** Follows references within the document; null where one leads nowhere. */
export function resolve(document, schema) {
  let current = schema;
  for (let hops = 0; hops < 20; hops += 1) {
    if (typeof current?.$ref !== 'string') return current ?? null;
    if (!current.$ref.startsWith('#/')) return null;
    current = current.$ref
      .slice(2)
      .split('/')
      .reduce((value, key) => value?.[decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')], document);
  }
  return null;
}

/** A value that fits the schema, as far as its own words go. */
export function createExample(document, given, depth = 0) {
  const schema = resolve(document, given);
  if (schema === null || depth > 6) return null;
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length > 0) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum?.length > 0) return schema.enum[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.allOf) {
    const parts = schema.allOf.map((part) => createExample(document, part, depth + 1));
    return parts.every(isObject) ? Object.assign({}, ...parts) : parts[0];
  }
  const [choice] = schema.oneOf ?? schema.anyOf ?? [];
  if (choice !== undefined) return createExample(document, choice, depth + 1);
  return exampleOfType(document, schema, depth);
}

function exampleOfType(document, schema, depth) {
  const [type] = Array.isArray(schema.type) ? schema.type : [schema.type ?? (schema.properties ? 'object' : undefined)];
  switch (type) {
    case 'object': {
      const entries = Object.entries(schema.properties ?? {}).filter(([, field]) => field.readOnly !== true);
      return Object.fromEntries(entries.map(([name, field]) => [name, createExample(document, field, depth + 1)]));
    }
    case 'array':
      return schema.items ? [createExample(document, schema.items, depth + 1)] : [];
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return true;
    case 'string':
      return exampleTexts[schema.format] ?? 'text';
    default:
      return null;
  }
}

const exampleTexts = {
  'date-time': '2030-01-31T12:00:00.000Z',
  date: '2030-01-31',
  email: 'someone@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/** The schema in a few lines: names, types, what is required, limits. */
export function describe(document, given, indent = '', seen = []) {
  if (seen.includes(given?.$ref)) return nameOf(given.$ref);
  const path = given?.$ref === undefined ? seen : [...seen, given.$ref];
  const schema = resolve(document, given);
  if (schema === null) return 'unknown';
  if (path.length > 8) return 'any';
  const inner = (one) => describe(document, one, indent, path);
  if (schema.allOf) return schema.allOf.map(inner).join(' and ');
  if (schema.oneOf ?? schema.anyOf) return (schema.oneOf ?? schema.anyOf).map(inner).join(' or ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ') + nullSuffix(schema);
  if (schema.properties) return describeObject(document, schema, indent, path);
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? 'any');
  if (type === 'array') return `${inner(schema.items ?? {})}[]${nullSuffix(schema)}`;
  const limits = limitsOf(schema);
  return `${type}${schema.format ? ` (${schema.format})` : ''}${limits}${nullSuffix(schema)}`;
}

function describeObject(document, schema, indent, path) {
  const deeper = `${indent}  `;
  const lines = Object.entries(schema.properties).map(([name, field]) => {
    const mark = schema.required?.includes(name) ? '' : '?';
    const note = field.description ? `  // ${field.description.replaceAll(/\s+/g, ' ')}` : '';
    return `${deeper}${name}${mark}: ${describe(document, field, deeper, path)}${note}`;
  });
  if (schema.additionalProperties === false) lines.push(`${deeper}// and nothing else`);
  return `{\n${lines.join('\n')}\n${indent}}${nullSuffix(schema)}`;
}

function limitsOf(schema) {
  const limits = ['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'multipleOf', 'pattern']
    .filter((name) => schema[name] !== undefined)
    .map((name) => `${name} ${schema[name]}`);
  return limits.length === 0 ? '' : ` [${limits.join(', ')}]`;
}

function nullSuffix(schema) {
  return schema.nullable === true ? ' or null' : '';
}

function nameOf(reference) {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
