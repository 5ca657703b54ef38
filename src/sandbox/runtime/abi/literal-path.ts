/** True for keys of routes that stand for one path: no parameter, no wildcard, no expression. */
export function isLiteralPath(path: string): boolean {
  return !/[:*]/.test(path) && path.startsWith('/');
}
