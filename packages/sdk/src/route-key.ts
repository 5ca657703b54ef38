/** The key under which a route is registered: the path, or a RegExp in the JSON form that the platform knows. */
export function toRouteKey(path: string | RegExp): string {
  return path instanceof RegExp ? JSON.stringify({ $regex: path.toString() }) : path;
}
