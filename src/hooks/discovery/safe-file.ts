/** Opens files of hooks only when they are what they seem: regular, inside their root, not linked from elsewhere. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
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

/** Reads a file whose real path must lie below `rootRealPath`. `read: false` only checks. */
export async function openSafeFile(
  file: string,
  rootRealPath: string,
  options: { readonly maxBytes: number; readonly read?: boolean },
): Promise<SafeFile> {
  let real: string;
  try {
    real = await realpath(file);
  } catch (error) {
    return { ok: false, reason: explain(error) };
  }
  if (!isInside(rootRealPath, real)) return { ok: false, reason: 'outside' };
  // Non-blocking, so that a named pipe in a hook directory cannot hang the scan.
  const handle = await open(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) =>
    explain(error),
  );
  if (typeof handle === 'string') return { ok: false, reason: handle };
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return { ok: false, reason: 'not_a_file' };
    if (stat.nlink > 1) return { ok: false, reason: 'hardlink' };
    if (stat.size > options.maxBytes) return { ok: false, reason: 'too_large' };
    const text = options.read === false ? '' : await handle.readFile('utf8');
    return { ok: true, realPath: real, text, mtimeMs: stat.mtimeMs, size: stat.size };
  } catch (error) {
    return { ok: false, reason: explain(error) };
  } finally {
    await handle.close().catch(() => undefined);
  }
}
