import type { Ajv } from 'ajv';

let ajv: Promise<Ajv> | null = null;

/** The validator of JSON Schema for `crudlify`: the same settings as for schemas of collections. Loaded on first use. */
export function loadAjv(): Promise<Ajv> {
  ajv ??= createAjv();
  return ajv;
}

async function createAjv(): Promise<Ajv> {
  const [{ Ajv }, formats] = await Promise.all([import('ajv'), import('ajv-formats')]);
  const validator = new Ajv({ allErrors: true, strict: false });
  findFunction(formats)(validator);
  return validator;
}

/** ajv-formats is CommonJS that exports itself also as its default: how deep the function lies depends on the bundler. */
function findFunction(module: unknown): (validator: Ajv) => unknown {
  let candidate = module;
  while (typeof candidate !== 'function') candidate = (candidate as { default: unknown }).default;
  return candidate as (validator: Ajv) => unknown;
}
