/** Keeps secrets out of the records of runs: the values that the configuration hands to hooks, by their key names. */
import { isPlainObject } from '../core/json.ts';
import { getInternalBlock } from './config/hook-config.ts';

const secretName = /(?:secret|token|passw|api[_-]?key|credential|private[_-]?key|authorization|cookie)/i;
const minSecretChars = 6;
const mask = '[redacted]';

/** A function that masks every secret of this configuration in a text. */
export function createRedactor(config: unknown): (text: string) => string {
  const values = new Set<string>();
  collectByName(config, values, 0);
  const { entries } = getInternalBlock(config);
  for (const entry of Object.values(isPlainObject(entries) ? entries : {})) {
    if (!isPlainObject(entry) || !isPlainObject(entry.env)) continue;
    for (const value of Object.values(entry.env)) if (typeof value === 'string') values.add(value);
  }
  const secrets = [...values].filter((value) => value.length >= minSecretChars).sort((a, b) => b.length - a.length);
  if (secrets.length === 0) return (text) => text;
  return (text) =>
    secrets.reduce((result, secret) => (result.includes(secret) ? result.replaceAll(secret, mask) : result), text);
}

function collectByName(value: unknown, into: Set<string>, depth: number): void {
  if (depth > 20 || typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'string' && secretName.test(key)) into.add(item);
    else collectByName(item, into, depth + 1);
  }
}

/** A copy of a value with every member masked whose name says that it is secret; for output. */
export function redactMembers(value: unknown, depth = 0): unknown {
  if (depth > 20 || typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item) => redactMembers(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      secretName.test(key) && typeof item === 'string' ? mask : redactMembers(item, depth + 1),
    ]),
  );
}
