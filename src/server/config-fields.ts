import { isIP } from 'node:net';

/**
 * The vocabulary of the configuration schema. A field is one declaration that gives its type, default, limits, sources
 * (file, environment, flag), documentation and redaction; nothing about a setting is written down a second time.
 */
export interface Field<Value> {
  /** What a person may write, for messages and documentation: `an integer from 0 to 65535`. */
  readonly allowed: string;
  readonly defaultValue: Value;
  readonly description: string;
  /** Environment variable that sets it. */
  readonly env?: string;
  /** Option of `tackle up` that sets it, with its placeholder: `--port <number>`. */
  readonly flag?: string;
  /** Never printed or logged. */
  readonly secret?: boolean;
  /** May be given several times as a flag, and as a comma-separated list in the environment. */
  readonly isList?: boolean;
  /** Undefined when the value is not allowed. Text is accepted for every kind: flags and variables are text. */
  readonly parse: (value: unknown) => Value | undefined;
}

type Basics<Value> = Pick<Field<Value>, 'description' | 'env' | 'flag' | 'secret'> & { readonly default: Value };

function createField<Value>(
  basics: Basics<Value>,
  kind: Pick<Field<Value>, 'allowed' | 'parse' | 'isList'>,
): Field<Value> {
  const { default: defaultValue, ...rest } = basics;
  return { ...rest, ...kind, defaultValue };
}

export function text(basics: Basics<string>): Field<string> {
  return createField(basics, { allowed: 'a text that is not empty', parse: parseText });
}

/** A text that may be absent; null is the default and switches it off. */
export function optionalText(
  basics: Omit<Basics<string | null>, 'default'>,
  kind: { readonly allowed: string; readonly isValid?: (value: string) => boolean },
): Field<string | null> {
  return createField(
    { ...basics, default: null },
    {
      allowed: `${kind.allowed}, or null`,
      parse: (value) => {
        if (value === null) return null;
        const parsed = parseText(value);
        return parsed !== undefined && (kind.isValid?.(parsed) ?? true) ? parsed : undefined;
      },
    },
  );
}

export function integer(basics: Basics<number> & { readonly min: number; readonly max: number }): Field<number> {
  const { min, max, ...rest } = basics;
  return createField(rest, {
    allowed: `an integer from ${min} to ${max}`,
    parse: (value) => {
      const number = typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value;
      return Number.isSafeInteger(number) && (number as number) >= min && (number as number) <= max
        ? (number as number)
        : undefined;
    },
  });
}

export function oneOf<const Value extends string>(
  values: readonly Value[],
  basics: Basics<NoInfer<Value>>,
): Field<Value> {
  return createField<Value>(basics, {
    allowed: `one of ${values.join(', ')}`,
    parse: (value) => values.find((candidate) => candidate === value),
  });
}

export function list(
  basics: Basics<readonly string[]>,
  kind: { readonly allowed: string; readonly isValid: (value: string) => boolean },
): Field<readonly string[]> {
  return createField(basics, {
    allowed: `a list; each entry ${kind.allowed}`,
    isList: true,
    parse: (value) => {
      const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
      if (!Array.isArray(items)) return undefined;
      const texts = items.filter((item) => item !== '');
      return texts.every((item) => typeof item === 'string' && kind.isValid(item)) ? (texts as string[]) : undefined;
    },
  });
}

function parseText(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address. */
export function isAddressOrCidr(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** A name or address as it stands in a Host header, without scheme, path or port. */
export function isHostName(value: string): boolean {
  return isIP(value) !== 0 || /^\[[0-9a-f:.]+\]$/i.test(value) || /^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(value);
}

/** An origin: no path, query or credentials, because paths are the apps'. */
export function isHttpOrigin(value: string): boolean {
  const url = URL.parse(value);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
}
