import { createRequire } from 'node:module';
import { Script } from 'node:vm';
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import type { FormatsPlugin } from 'ajv-formats';
import { TackleError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';

/** A schema comes from an app: a pattern that backtracks or references that multiply must not hold the writer. */
const compileTimeoutMs = 500;
const validateTimeoutMs = 50;
const cachedSchemas = 200;

/** What the two scripts read: the time limit of `vm` covers whatever runs inside them. */
interface Mailbox {
  work: (() => void) | null;
}
const mailbox: Mailbox = { work: null };
const mailboxKey = Symbol.for('tackle.schemaValidation');
Object.defineProperty(globalThis, mailboxKey, { value: mailbox, enumerable: false, configurable: true });
const script = new Script(`globalThis[Symbol.for('tackle.schemaValidation')].work()`, {
  filename: 'schema-validation',
});

/** Loaded with the first schema: ajv costs the thread 10 MB and some start-up time that most homes never need. */
const load = createRequire(import.meta.url);

function createAjv(): Ajv {
  const { Ajv: AjvClass } = load('ajv') as { Ajv: typeof Ajv };
  const { default: addFormats } = load('ajv-formats') as { default: FormatsPlugin };
  const ajv = new AjvClass({ allErrors: true, strict: false, validateFormats: true, logger: false });
  addFormats(ajv);
  return ajv;
}

/** Validators of the schemas in use; the same schema text is compiled once. */
export class SchemaValidators {
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #textOfSchema = new WeakMap<JsonObject, string>();

  /** Throws `schema_violation` with ajv's error objects (all of them) in `details.schemaError`. */
  check(schema: JsonObject, document: JsonObject, collection: string): void {
    const validate = this.#get(schema);
    let valid = false;
    runLimited(validateTimeoutMs, `Checking a document of "${collection}" against its schema`, () => {
      valid = validate(document) as boolean;
    });
    if (valid) return;
    const errors = (validate.errors ?? []).map(toPlainError);
    const [first] = errors;
    throw new TackleError(
      'schema_violation',
      `The document does not satisfy the schema of "${collection}": ${first?.instancePath || 'document'} ${first?.message ?? ''}`,
      { details: { schemaError: errors } },
    );
  }

  /** Throws `invalid_request` when this is no JSON Schema. */
  checkSchema(schema: JsonObject): void {
    this.#get(schema);
  }

  #get(schema: JsonObject): ValidateFunction {
    let text = this.#textOfSchema.get(schema);
    if (text === undefined) {
      text = JSON.stringify(schema);
      this.#textOfSchema.set(schema, text);
    }
    const known = this.#validators.get(text);
    if (known !== undefined) return known;
    const validate = compileSchema(JSON.parse(text) as JsonObject);
    if (this.#validators.size >= cachedSchemas) this.#validators.delete([...this.#validators.keys()][0] as string);
    this.#validators.set(text, validate);
    return validate;
  }
}

function compileSchema(schema: JsonObject): ValidateFunction {
  let validate: ValidateFunction | undefined;
  const ajv = createAjv();
  try {
    runLimited(compileTimeoutMs, 'Compiling the schema', () => {
      validate = ajv.compile(schema);
    });
  } catch (error) {
    if (error instanceof TackleError) throw error;
    throw new TackleError('invalid_request', `The schema is no valid JSON Schema: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return validate!;
}

function runLimited(timeoutMs: number, what: string, work: () => void): void {
  mailbox.work = work;
  try {
    script.runInThisContext({ timeout: timeoutMs });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new TackleError('invalid_request', `${what} took longer than ${timeoutMs} ms. Simplify the schema.`);
  } finally {
    mailbox.work = null;
  }
}

function toPlainError(error: ErrorObject): Omit<ErrorObject, 'schema' | 'parentSchema' | 'data'> {
  const { instancePath, schemaPath, keyword, params, message } = error;
  return { instancePath, schemaPath, keyword, params, ...(message === undefined ? {} : { message }) };
}
