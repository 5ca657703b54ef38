/** Opens files of hooks only when they are what they seem: regular, inside their root, not linked from elsewhere. */
import { constants, type Stats } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import path from 'node:path';

export type UnsafeReason = 'missing' | 'outside' | 'hardlink' | 'not_a_file' | 'too_large' | 'unreadable';

export type SafeFile =
  | {
      readonly ok: true;
      readonly realPath: string;
      readonly text: string;
      readonly mtimeMs: number;
      readonly size: number;
    }
  | { readonly ok: false; readonly reason: UnsafeReason };

/** True when `child` is `root` or lies below it; both should be real paths. */
export function isInside(root: string, child: string): boolean {
  const relative = path.relative(root, child);
  return relative === '' || (!relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative));
}

function explain(error: unknown): UnsafeReason {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
}

export interface OpenSafeFileOptions {
  readonly maxBytes: number;
  /** False only checks. */
  readonly read?: boolean;
  /** The caller saw a plain file, not a link, in a directory whose real path lies below the root. */
  readonly isPlain?: boolean;
}

// Non-blocking, so that a named pipe in a hook directory cannot hang the scan.
const baseFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Reads a file whose real path must lie below `rootRealPath`. */
export async function openSafeFile(
  file: string,
  rootRealPath: string,
  options: OpenSafeFileOptions,
): Promise<SafeFile> {
  const real = options.isPlain ? file : await realpath(file).catch((error: unknown) => ({ reason: explain(error) }));
  if (typeof real !== 'string') return { ok: false, reason: real.reason };
  if (!options.isPlain && !isInside(rootRealPath, real)) return { ok: false, reason: 'outside' };
  if (options.read === false) return checkOnly(real, options);
  // A plain file that has become a link since then is refused by the system.
  const flags = options.isPlain ? baseFlags | (constants.O_NOFOLLOW ?? 0) : baseFlags;
  const handle = await open(real, flags).catch((error: unknown) => explain(error));
  if (typeof handle === 'string') return { ok: false, reason: handle };
  try {
    const stat = await handle.stat();
    const reason = judge(stat, options);
    if (reason !== null) return { ok: false, reason };
    return { ok: true, realPath: real, text: await handle.readFile('utf8'), mtimeMs: stat.mtimeMs, size: stat.size };
  } catch (error) {
    return { ok: false, reason: explain(error) };
  } finally {
    await handle.close().catch(() => undefined);
  }
}

async function checkOnly(real: string, options: OpenSafeFileOptions): Promise<SafeFile> {
  try {
    const stat = await lstat(real);
    const reason = judge(stat, options);
    return reason === null
      ? { ok: true, realPath: real, text: '', mtimeMs: stat.mtimeMs, size: stat.size }
      : { ok: false, reason };
  } catch (error) {
    return { ok: false, reason: explain(error) };
  }
}

function judge(stat: Stats, options: OpenSafeFileOptions): UnsafeReason | null {
  if (!stat.isFile()) return 'not_a_file';
  if (stat.nlink > 1) return 'hardlink';
  return stat.size > options.maxBytes ? 'too_large' : null;
}
