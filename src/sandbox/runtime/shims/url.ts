/** `URL` whose errors are Node's: apps tell what is no URL from other mistakes by the `code`. */
export function createUrlClass(): typeof URL {
  return new Proxy(URL, {
    construct(target, parts: unknown[], newTarget) {
      try {
        return Reflect.construct(target, parts, newTarget) as URL;
      } catch (cause) {
        if (parts.length === 0) throw cause;
        throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: String(parts[0]) });
      }
    },
  });
}
