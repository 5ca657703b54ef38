type Container = Record<string, unknown>;

/** Own properties only: names of `Object.prototype` are names like others. */
export function getPath(value: unknown, path: string): unknown {
  let current = value;
  for (const name of toSegments(value, path)) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Container)[name];
  }
  return current;
}

/** Sets a value, making objects (or arrays, where the next name is an index) on the way; what is no container is replaced. */
export function setPath(target: object, path: string, value: unknown): void {
  const segments = toSegments(target, path);
  let current = target as Container;
  segments.forEach((name, position) => {
    const next = segments[position + 1];
    if (next === undefined) {
      define(current, name, value);
      return;
    }
    const known = Object.hasOwn(current, name) ? current[name] : undefined;
    const isContainer = typeof known === 'object' && known !== null;
    if (!isContainer) define(current, name, /^(?:0|[1-9]\d*)$/.test(next) ? [] : {});
    current = current[name] as Container;
  });
}

/** `a.b`, `a[0].b` and `a["b c"]`; a name that is there as a whole is meant as a whole. */
function toSegments(value: unknown, path: string): string[] {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, path)) return [path];
  if (!/[.[]/.test(path)) return [path];
  const segments: string[] = [];
  for (const part of path.split(/\.(?![^[]*\])/)) {
    const [name = '', ...indexes] = part.split('[');
    if (name !== '' || indexes.length === 0) segments.push(name);
    for (const index of indexes) segments.push(index.replace(/\]$/, '').replace(/^(["'])(.*)\1$/, '$2'));
  }
  return segments;
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
