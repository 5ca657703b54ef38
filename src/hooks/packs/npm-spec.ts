/** Which npm specs may be installed: names of a registry with an exact version or a tag, nothing else. Pure. */
import { TackleError } from '../../core/errors.ts';

export interface NpmSpec {
  readonly raw: string;
  readonly name: string;
  /** An exact version without a leading `v`. */
  readonly version?: string;
  readonly tag?: string;
}

const namePattern = /^(?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/i;
const versionPattern = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;
const tagPattern = /^[A-Za-z][A-Za-z0-9._-]*$/;

function refuse(spec: string, reason: string): never {
  throw new TackleError('invalid_name', `unsupported npm spec "${spec}": ${reason}`);
}

/** Throws `invalid_name` before anything is started. */
export function parseNpmSpec(spec: string): NpmSpec {
  if (spec === '' || /\s/.test(spec)) refuse(spec, 'a spec is one word without spaces.');
  if (spec.includes('://')) refuse(spec, 'URLs are not installed; use the name of a registry package.');
  if (spec.includes('#') || spec.includes(':'))
    refuse(spec, 'git, file and alias specs are not installed; use the name of a registry package.');
  const at = spec.indexOf('@', 1);
  const name = at === -1 ? spec : spec.slice(0, at);
  if (!namePattern.test(name) || name.includes('..')) refuse(spec, `"${name}" is not the name of a registry package.`);
  if (at === -1) return { raw: spec, name };
  const wanted = spec.slice(at + 1);
  const version = wanted.replace(/^v(?=\d)/, '');
  if (versionPattern.test(version)) return { raw: spec, name, version };
  if (tagPattern.test(wanted) && !/^[vVxX]?\d/.test(wanted) && !/^[xX]$/.test(wanted))
    return { raw: spec, name, tag: wanted };
  return refuse(spec, 'ranges are not installed; use an exact version or a dist-tag.');
}

/** True when a path, not a package, was meant; a scoped name also holds a slash. */
export function looksLikePath(spec: string): boolean {
  return /^(?:\.{1,2}(?:[\\/]|$)|[\\/~]|[A-Za-z]:[\\/])/.test(spec) || /\.(?:zip|tgz|tar\.gz|tar)$/i.test(spec);
}

export function isPrerelease(version: string): boolean {
  return /^\d+\.\d+\.\d+-/.test(version);
}

/** Throws when a stable spec led to a prerelease: nobody asked for one. */
export function assertStableConsent(spec: NpmSpec, resolvedVersion: string): void {
  if (!isPrerelease(resolvedVersion)) return;
  const consented =
    (spec.version !== undefined && isPrerelease(spec.version)) || (spec.tag !== undefined && spec.tag !== 'latest');
  if (consented) return;
  throw new TackleError(
    'invalid_name',
    `"${spec.raw}" resolves to the prerelease ${resolvedVersion}; install it with a tag such as ${spec.name}@beta or @rc, or with the exact version ${spec.name}@${resolvedVersion}.`,
  );
}
