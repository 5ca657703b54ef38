import { decodeSegment } from '../core/routing/path-pattern.ts';
import { type Directory, type HostTarget, type Project, reservedSegments, type Space } from '../projects/index.ts';

export interface AppTarget {
  readonly kind: 'app';
  readonly project: Project;
  readonly space: Space;
  /** As the app sees it: with the space segment, except on hosts that are bound to the space. */
  readonly path: string;
  readonly apiPath: string;
  /** `?` and what follows, or empty. */
  readonly search: string;
}

export type RequestTarget =
  | AppTarget
  /** The gateway's own surface; `local` tells its loopback names from the public name. */
  | { readonly kind: 'own'; readonly path: string; readonly search: string }
  /** An app page asked for under an address that is reserved for the gateway's own pages: go to `localhost`. */
  | { readonly kind: 'redirect-to-localhost' }
  | { readonly kind: 'unknown-host' }
  | { readonly kind: 'unknown-project'; readonly name: string }
  | { readonly kind: 'unknown-space'; readonly project: Project; readonly name: string }
  /** A path that is neither reserved nor in a space of an only project. */
  | { readonly kind: 'no-project' };

export interface TargetOptions {
  readonly directory: Directory;
  /** Host names (lower case, without port) of `--public-url` and `--admin-host`. */
  readonly ownHosts: ReadonlySet<string>;
}

/** Decides whose request this is, from the Host header and the path alone. */
export function resolveTarget(
  options: TargetOptions,
  host: string | undefined,
  url: string,
  isBrowser: boolean,
): RequestTarget {
  const { path, search } = splitUrl(url);
  const name = host ?? '';
  const target: HostTarget | null = options.directory.resolveHost(name);
  if (target === null) {
    if (options.ownHosts.has(withoutPort(name))) return ownTarget(options.directory, null, path, search, false);
    return { kind: 'unknown-host' };
  }
  switch (target.kind) {
    case 'space':
      return { kind: 'app', project: target.project, space: target.space, path, apiPath: path, search };
    case 'project':
      return inProject(options.directory, target.project, path, search);
    case 'local': {
      // Pages of ours live on the address, app pages on the name: two origins for the browser.
      const keepsPagesApart = isBrowser && withoutPort(name) !== 'localhost';
      return ownTarget(options.directory, target.project, path, search, keepsPagesApart);
    }
  }
}

function ownTarget(
  directory: Directory,
  onlyProject: Project | null,
  path: string,
  search: string,
  keepsPagesApart: boolean,
): RequestTarget {
  const first = firstSegment(path);
  if (first === 'p') {
    const found = underPublicPrefix(directory, path, search);
    return found.kind === 'app' && keepsPagesApart ? { kind: 'redirect-to-localhost' } : found;
  }
  if (first === '' || first === 'favicon.ico' || reservedSegments.has(first)) return { kind: 'own', path, search };
  if (onlyProject === null) return { kind: 'no-project' };
  const found = inProject(directory, onlyProject, path, search);
  return found.kind === 'app' && keepsPagesApart ? { kind: 'redirect-to-localhost' } : found;
}

/** `/p/<project>/<space>/…`, for one public name in front of several projects. */
function underPublicPrefix(directory: Directory, path: string, search: string): RequestTarget {
  const rest = path.slice(2);
  const name = firstSegment(rest);
  const project = directory.findProjectAt(name);
  if (project === null) return { kind: 'unknown-project', name };
  return inProject(directory, project, rest.slice(1 + firstSegmentLength(rest)) || '/', search);
}

function inProject(directory: Directory, project: Project, path: string, search: string): RequestTarget {
  const name = firstSegment(path);
  const space = directory.findSpace(project.id, name);
  if (space === null) return { kind: 'unknown-space', project, name };
  const apiPath = path.slice(1 + firstSegmentLength(path)) || '/';
  return { kind: 'app', project, space, path, apiPath, search };
}

function splitUrl(url: string): { path: string; search: string } {
  const relative = url.startsWith('/') ? url : originForm(url);
  const question = relative.indexOf('?');
  if (question === -1) return { path: relative, search: '' };
  return { path: relative.slice(0, question), search: relative.slice(question) };
}

/** Proxies may send the whole URL in the request line (RFC 9112, 3.2.2). */
function originForm(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? '/' : parsed.pathname + parsed.search;
}

function firstSegmentLength(path: string): number {
  const end = path.indexOf('/', 1);
  return (end === -1 ? path.length : end) - 1;
}

function firstSegment(path: string): string {
  return decodeSegment(path.slice(1, 1 + firstSegmentLength(path)));
}

export function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}
