type HeaderValue = string | string[];

/** The platform's answers are not to be cached unless the app says otherwise. Frozen: identity tells "no change". */
const noCacheHeaders: readonly [string, string][] = [
  ['Surrogate-Control', 'no-store'],
  ['Cache-Control', 'no-store, no-cache, must-revalidate, proxy-revalidate'],
  ['Pragma', 'no-cache'],
  ['Expires', '0'],
];

const plainLists = new Map<string, [string, string][]>();

/** Headers of a response that set none itself but perhaps a content type. The same list each time. */
export function getPlainHeaders(contentType: string | null): [string, string][] {
  const key = contentType ?? '';
  let list = plainLists.get(key);
  if (list === undefined) {
    list = contentType === null ? [...noCacheHeaders] : [['Content-Type', contentType], ...noCacheHeaders];
    if (plainLists.size < 100) plainLists.set(key, list);
  }
  return list;
}

const namePattern = /^[!#$%&'*+.^`|~\w-]+$/;
const badValuePattern = /[^\t\x20-\x7e\x80-\xff]/;

/** The headers that an app set or removed, by lower-case name; null marks a removed default. */
export class ResponseHeaders {
  readonly #entries = new Map<string, { name: string; value: HeaderValue } | null>();

  set(name: unknown, value: unknown): void {
    const text = String(name);
    if (!namePattern.test(text)) throw new TypeError(`Not a header name: ${JSON.stringify(text)}`);
    if (value === undefined || value === null) return;
    const values = Array.isArray(value) ? value.map((item) => toHeaderText(text, item)) : toHeaderText(text, value);
    this.#entries.set(text.toLowerCase(), { name: text, value: values });
  }

  append(name: string, value: unknown): void {
    const before = this.get(name);
    this.set(name, before === undefined ? value : [before, value].flat());
  }

  remove(name: unknown): void {
    this.#entries.set(String(name).toLowerCase(), null);
  }

  get(name: string): HeaderValue | undefined {
    return this.#entries.get(name.toLowerCase())?.value;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** By the names that the app used. */
  toObject(): Record<string, HeaderValue> {
    return Object.fromEntries(
      [...this.#entries.values()].flatMap((entry) => (entry ? [[entry.name, entry.value]] : [])),
    );
  }

  toList(): [string, string][] {
    const list: [string, string][] = [];
    for (const entry of this.#entries.values()) {
      if (entry === null) continue;
      if (typeof entry.value === 'string') list.push([entry.name, entry.value]);
      else for (const value of entry.value) list.push([entry.name, value]);
    }
    // A caching rule of the app replaces the whole set, not one line of it.
    const isCached = this.has('cache-control');
    for (const header of noCacheHeaders) {
      const name = header[0].toLowerCase();
      if (!isCached && !this.#entries.has(name)) list.push(header);
    }
    return list;
  }
}

function toHeaderText(name: string, value: unknown): string {
  const text = String(value);
  if (!badValuePattern.test(text)) return text;
  if (name.toLowerCase() === 'location' && !/[\r\n\0]/.test(text)) return encodeURI(text).replaceAll('%25', '%');
  throw new TypeError(`The value of header ${name} holds a character that no header may hold`);
}
