/** What a producer of `agent:bootstrap` takes back from its handlers. Pure apart from `warn`. */
import { isPlainObject } from '../core/json.ts';

export interface BootstrapFileEntry {
  readonly path: string;
  readonly [member: string]: unknown;
}

/**
 * The list in the context if it is still one, else the original. Entries need a path; names, relative paths and
 * further members are the handlers' own business.
 */
export function takeBootstrapFiles(
  context: Readonly<Record<string, unknown>>,
  original: readonly BootstrapFileEntry[],
  warn: (message: string) => void,
): readonly BootstrapFileEntry[] {
  const files = context.bootstrapFiles;
  if (!Array.isArray(files)) return original;
  return files.filter((entry): entry is BootstrapFileEntry => {
    if (isPlainObject(entry) && typeof entry.path === 'string' && entry.path.trim() !== '') return true;
    const hint = isPlainObject(entry) && 'filePath' in entry ? ' ("filePath" should be "path")' : '';
    warn(`A bootstrap file without a path was dropped${hint}.`);
    return false;
  });
}
