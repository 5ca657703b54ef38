import type { Handler } from './handler-chain.ts';

type Table = Record<string, readonly Handler[]>;

/**
 * Tells the author, in the log, of routes that cannot do anything. One without a function would keep its requests waiting until
 * their time is over; it gets a handler that says so at once. They are no reason to refuse the app: it runs elsewhere too.
 */
export function checkRoutes(routes: Table, auths: Readonly<Table>): void {
  for (const [key, handlers] of Object.entries(routes)) {
    const verb = key.slice(0, key.indexOf(' '));
    warnOfPath(key.slice(verb.length + 1), key);
    if (handlers.length > 0) continue;
    const message = `The route ${key} has no handler: its arguments after the path must be functions`;
    console.warn(message);
    routes[key] = [
      () => {
        throw new TypeError(message);
      },
    ];
  }
  for (const key of Object.keys(auths)) warnOfPath(key, `auth ${key}`);
}

/** Paths begin with a slash or a wildcard; the keys of regular expressions are JSON. */
function warnOfPath(path: string, shown: string): void {
  if (!/^[/*{]/.test(path)) console.warn(`No request matches ${shown}: a path begins with "/"`);
}
