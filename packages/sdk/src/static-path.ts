/** Where the files of `app.static` and `app.storage` are, and under which URLs. Also the gateway reads paths with this. */
export type StaticPaths = {
  /** First part of the URL; `/` for all of them. */
  route?: string;
  /** Directory with the files, from the root of the store. */
  directory?: string;
  /** File for the route itself and for directories; `index.html` unless set. */
  default?: string;
  /** File that is sent, with status 404, when there is none. */
  notFound?: string;
};

/** The route without its trailing slash: the empty text for `/`. */
export function toBase(route: string | undefined): string {
  return route === undefined || route === '/' ? '' : route;
}

/**
 * The name in the URL, with the default file for the route itself. Its type decides whether the path is open to everybody, and
 * that for whatever route it belongs to: other directories must stay without one, for `/orders/` is also the path of `/orders`.
 */
export function toFileName(apiPath: string, options: StaticPaths): string {
  const path = decodePath(apiPath);
  const isRoute = path === options.route || path === `${toBase(options.route)}/`;
  return isRoute ? `/${indexOf(options)}` : path;
}

/** The path of the store that a URL names: the default file for directories. */
export function toFilePath(apiPath: string, options: StaticPaths): string {
  const base = toBase(options.route);
  const name = toFileName(apiPath, options);
  const path = name.startsWith(`${base}/`) ? name.slice(base.length) : name;
  return inDirectory(path.endsWith('/') ? path + indexOf(options) : path, options);
}

function indexOf(options: StaticPaths): string {
  return options.default ?? 'index.html';
}

/** A path of the store. Its dots are taken away, although the pattern and the store refuse to leave the directory anyway. */
export function inDirectory(name: string, options: StaticPaths): string {
  const directory = options.directory === undefined || options.directory === '/' ? '' : options.directory;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return `${directory.replace(/\/$/, '')}/${parts.join('/')}`;
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
