/** Finds parts of `hooks.internal` that are of the wrong kind: they are read as if they were absent. */
import { isPlainObject } from '../../core/json.ts';

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isTextList = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string');

/** Path below `hooks.internal`, what it must be, and the test for it. */
const rules: readonly (readonly [readonly string[], string, (value: unknown) => boolean])[] = [
  [['entries'], 'an object', isPlainObject],
  [['load'], 'an object', isPlainObject],
  [['load', 'extraDirs'], 'a list of texts', isTextList],
  [['load', 'trustedSymlinkRoots'], 'a list of texts', isTextList],
  [['installs'], 'an object', isPlainObject],
  [['handlers'], 'a list', Array.isArray],
];

/** One sentence for each part; nothing when all is well. */
export function checkHooksShape(config: Readonly<Record<string, unknown>>): readonly string[] {
  const { hooks } = config;
  if (hooks === undefined) return [];
  if (!isPlainObject(hooks)) return ['hooks must be an object; what stands there is ignored.'];
  const { internal } = hooks;
  if (internal === undefined) return [];
  if (!isPlainObject(internal)) return ['hooks.internal must be an object; what stands there is ignored.'];
  const warnings: string[] = [];
  for (const [names, kind, isRight] of rules) {
    const value = readPath(internal, names);
    if (value !== undefined && !isRight(value))
      warnings.push(`hooks.internal.${names.join('.')} must be ${kind}; anything else is ignored.`);
  }
  for (const [key, entry] of Object.entries(isPlainObject(internal.entries) ? internal.entries : {})) {
    const enabled = isPlainObject(entry) ? entry.enabled : undefined;
    if (!isPlainObject(entry)) warnings.push(`hooks.internal.entries.${key} must be an object; it is ignored.`);
    else if (enabled !== undefined && !isBoolean(enabled))
      warnings.push(`hooks.internal.entries.${key}.enabled must be true or false; anything else is ignored.`);
  }
  return warnings;
}

function readPath(value: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>((place, name) => (isPlainObject(place) ? place[name] : undefined), value);
}
