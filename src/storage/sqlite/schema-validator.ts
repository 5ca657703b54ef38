import { createRequire } from 'node:module';
import { Script } from 'node:vm';
import type { Ajv, ErrorObject, Format, ValidateFunction } from 'ajv';
import type { FormatsPlugin } from 'ajv-formats';
import { TackleError } from '../../core/errors.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { compileRegex } from '../../core/query/regex/compile-regex.ts';
import { countValues, measureSchema } from './measure-schema.ts';

/**
 * A schema comes from an app and is checked in the writer, which it must not hold. Regular expressions count their steps;
 * the rest of the work is bounded by the size of the schema times that of the document. What these two cannot bound
 * (recursive schemas, for example) runs under a time limit, which is slow (1 ms each), and a space that runs into the limit
 * cannot use such schemas for a while.
 */
const regexSteps = 2_000_000;
const boundedWork = 2_000_000;
const valuesForUniqueItems = 2_000;
const timeLimitMs = 200;
const penaltyMs = 60_000;
const compileLimitMs = 1_000;
const largestSchema = 256 * 1024;
const longestFormatted = 8_192;
const cachedSchemas = 200;

export interface CheckedCollection {
  readonly space: string;
  readonly name: string;
  readonly schema: JsonObject | null;
}

interface CompiledSchema {
  readonly validate: ValidateFunction;
  readonly nodes: number;
  readonly hasUniqueItems: boolean;
}

/** Validators of the schemas in use; the same schema text is compiled once. */
export class SchemaValidators {
  readonly #compiled = new Map<string, CompiledSchema>();
  readonly #textOfSchema = new WeakMap<JsonObject, string>();
  /** Spaces that ran into the time limit, and until when they are refused. */
  readonly #refusedUntilMs = new Map<string, number>();
  /** Steps that regular expressions of the check under way may still take. */
  readonly #budget = { left: 0 };

  /** Throws `schema_violation` with ajv's error objects (all of them) in `details.schemaError`. */
  check(collection: CheckedCollection, document: JsonObject): void {
    if (collection.schema === null) return;
    const { validate, nodes, hasUniqueItems } = this.#get(collection.schema);
    this.#budget.left = regexSteps;
    const values = countValues(document);
    const isBounded = nodes * values <= boundedWork && (!hasUniqueItems || values <= valuesForUniqueItems);
    const run = (): boolean => runCounted(collection.name, () => validate(document) as boolean);
    const isValid = isBounded ? run() : this.#validateInTime(collection, run);
    if (!isValid) throw toViolation(collection.name, validate.errors ?? []);
  }

  /** Throws `invalid_request` when this is no JSON Schema. */
  checkSchema(schema: JsonObject): void {
    this.#get(schema);
  }

  #validateInTime({ space, name }: CheckedCollection, work: () => boolean): boolean {
    if ((this.#refusedUntilMs.get(space) ?? 0) > Date.now()) {
      throw tooSlow(`The schema of "${name}" was refused because a document took too long to check a moment ago`);
    }
    try {
      return runLimited(timeLimitMs, work);
    } catch (error) {
      if (!isTimeout(error)) throw error;
      this.#refusedUntilMs.set(space, Date.now() + penaltyMs);
      throw tooSlow(`Checking a document of "${name}" against its schema took longer than ${timeLimitMs} ms`);
    }
  }

  #get(schema: JsonObject): CompiledSchema {
    let text = this.#textOfSchema.get(schema);
    if (text === undefined) {
      text = JSON.stringify(schema);
      this.#textOfSchema.set(schema, text);
    }
    const known = this.#compiled.get(text);
    if (known !== undefined) return known;
    const compiled = this.#compile(text);
    if (this.#compiled.size >= cachedSchemas) this.#compiled.delete([...this.#compiled.keys()][0] as string);
    this.#compiled.set(text, compiled);
    return compiled;
  }

  #compile(text: string): CompiledSchema {
    if (text.length > largestSchema) {
      throw new TackleError('invalid_request', `The schema is too large: ${largestSchema} characters are allowed`);
    }
    const schema = JSON.parse(text) as JsonObject;
    try {
      const ajv = this.#createAjv();
      const validate = runLimited(compileLimitMs, () => ajv.compile(schema));
      return { validate, ...measureSchema(schema) };
    } catch (error) {
      const reason = isTimeout(error) ? 'compiling it takes too long' : (error as Error).message;
      throw new TackleError('invalid_request', `The schema cannot be used: ${reason}`, { cause: error });
    }
  }

  /** Loaded with the first schema: ajv costs the thread 10 MB and some start-up time that most homes never need. */
  #createAjv(): Ajv {
    const load = createRequire(import.meta.url);
    const { Ajv: AjvClass } = load('ajv') as { Ajv: typeof Ajv };
    const { default: addFormats } = load('ajv-formats') as { default: FormatsPlugin };
    const createRegex = Object.assign((source: string, flags: string) => this.#createRegex(source, flags), {
      code: 'new RegExp',
    });
    const ajv = new AjvClass({ allErrors: true, strict: false, logger: false, code: { regExp: createRegex } });
    addFormats(ajv);
    for (const [name, format] of Object.entries(ajv.formats)) {
      if (format !== undefined) ajv.addFormat(name, this.#boundFormat(format));
    }
    return ajv;
  }

  #createRegex(source: string, flags: string): { test(text: string): boolean; toString(): string } {
    const regex = compileRegex(source, flags, { budget: this.#budget });
    return { test: (text) => regex.test(text), toString: () => `/${source}/${flags}` };
  }

  /** Patterns of formats backtrack too: they count their steps, and functions get texts of a bounded length. */
  #boundFormat(format: Format): Format {
    if (format instanceof RegExp) return { validate: this.#toTest(format) };
    if (typeof format === 'function') return { validate: shortOnly(format) };
    if (typeof format !== 'object' || format.type === 'number' || format.async === true) return format;
    const { validate } = format;
    if (validate instanceof RegExp) return { ...format, validate: this.#toTest(validate) } as Format;
    return typeof validate === 'function' ? ({ ...format, validate: shortOnly(validate) } as Format) : format;
  }

  #toTest({ source, flags }: RegExp): (text: string) => boolean {
    const regex = this.#createRegex(source, flags.replace('g', ''));
    return (text) => regex.test(text);
  }
}

function shortOnly(check: unknown): (text: string) => boolean {
  const validate = check as (text: string) => unknown;
  return (text) => text.length <= longestFormatted && validate(text) === true;
}

function toViolation(name: string, errors: readonly ErrorObject[]): TackleError {
  const schemaError = errors.map(({ instancePath, schemaPath, keyword, params, message }) => ({
    instancePath,
    schemaPath,
    keyword,
    params: params as Json,
    ...(message === undefined ? {} : { message }),
  }));
  const [first] = schemaError;
  const where = first?.instancePath || 'document';
  return new TackleError(
    'schema_violation',
    `The document does not satisfy the schema of "${name}": ${where} ${first?.message ?? ''}`,
    { details: { schemaError } },
  );
}

/** Used up steps are the document's fault here, not that of a query. */
function runCounted(name: string, work: () => boolean): boolean {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TackleError) || error.code !== 'invalid_query') throw error;
    throw tooSlow(`A regular expression in the schema of "${name}" takes too long on this document`);
  }
}

function tooSlow(message: string): TackleError {
  return new TackleError('invalid_request', `${message}. Simplify the schema.`);
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/** What the script below runs: the time limit of `vm` covers whatever happens inside of it. */
const mailbox: { work: (() => void) | null } = { work: null };
const mailboxKey = 'tackle.schemaValidation';
Object.defineProperty(globalThis, Symbol.for(mailboxKey), { value: mailbox, enumerable: false });
const script = new Script(`globalThis[Symbol.for('${mailboxKey}')].work()`, { filename: 'schema-validation' });

function runLimited<Result>(timeoutMs: number, work: () => Result): Result {
  let result: { value: Result } | undefined;
  mailbox.work = () => {
    result = { value: work() };
  };
  try {
    script.runInThisContext({ timeout: timeoutMs });
    return result!.value;
  } finally {
    mailbox.work = null;
  }
}
