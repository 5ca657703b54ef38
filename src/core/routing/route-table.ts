import { compilePathPattern, type PathPattern } from './path-pattern.ts';

/** What the keys of an app manifest mean for one request path. */
export interface RouteMatch {
  /** Index into the manifest's list. */
  readonly index: number;
  readonly params: Record<string, string>;
}

export interface RouteTable {
  /** First route in registration order whose verb and path match; a literal path beats every pattern. */
  findRoute(method: string, apiPath: string): RouteMatch | null;
  /** First auth hook whose path matches. */
  findAuthHook(apiPath: string): number | null;
  /** Every global middleware that applies, in order. */
  findMiddleware(apiPath: string): readonly number[];
  /** True when an `app.all` route takes the path, so that the app answers its own preflight. */
  handlesOptions(apiPath: string): boolean;
}

interface CompiledRoute {
  readonly verb: string;
  readonly pattern: PathPattern;
}

export interface RouteTableInput {
  readonly routes: readonly string[];
  readonly auths: readonly string[];
  readonly middleware: readonly (string | null)[];
}

export function createRouteTable(manifest: RouteTableInput): RouteTable {
  const routes = manifest.routes.map(compileRoute);
  const auths = manifest.auths.map((key) => compilePathPattern(key));
  const middleware = manifest.middleware.map((key) => (key === null ? null : compilePathPattern(key)));
  const everyMiddleware = middleware.every((pattern) => pattern === null) ? middleware.map((_, index) => index) : null;

  function findRoute(method: string, apiPath: string): RouteMatch | null {
    let firstPattern: RouteMatch | null = null;
    for (let index = 0; index < routes.length; index += 1) {
      const route = routes[index] as CompiledRoute;
      if (!acceptsMethod(route.verb, method)) continue;
      if (firstPattern !== null && !route.pattern.literal) continue;
      const params = route.pattern.match(apiPath);
      if (params === null) continue;
      if (route.pattern.literal) return { index, params };
      firstPattern = { index, params };
    }
    return firstPattern;
  }

  return {
    findRoute,
    findAuthHook(apiPath) {
      const index = auths.findIndex((pattern) => pattern.match(apiPath) !== null);
      return index === -1 ? null : index;
    },
    findMiddleware(apiPath) {
      if (everyMiddleware !== null) return everyMiddleware;
      const found: number[] = [];
      middleware.forEach((pattern, index) => {
        if (pattern === null || pattern.match(apiPath) !== null) found.push(index);
      });
      return found;
    },
    handlesOptions: (apiPath) => routes.some((route) => route.verb === '*' && route.pattern.match(apiPath) !== null),
  };
}

function compileRoute(key: string): CompiledRoute {
  const space = key.indexOf(' ');
  return { verb: key.slice(0, space).toUpperCase(), pattern: compilePathPattern(key.slice(space + 1)) };
}

/** HEAD is answered by GET handlers, without the body. OPTIONS reaches `app.all` routes only. */
function acceptsMethod(verb: string, method: string): boolean {
  return verb === '*' || verb === method || (method === 'HEAD' && verb === 'GET');
}
