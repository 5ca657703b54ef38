import { dirname } from 'node:path';
import { TackleError } from '../core/errors.ts';

/** What an error of the file system means for whoever named the file. Errors of anything else stay as they are. */
export function explainFileError(error: unknown, path: string, task: 'read' | 'write'): unknown {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const verb = task === 'read' ? 'read' : 'written';
  const missing =
    task === 'read' ? `There is no file ${path}.` : `There is no directory ${dirname(path)} to write into.`;
  const messages: Readonly<Record<string, string>> = {
    ENOENT: missing,
    ENOTDIR: missing,
    EISDIR: `${path} is a directory, not a file.`,
    EACCES: `${path} cannot be ${verb} by this user.`,
    EPERM: `${path} cannot be ${verb} by this user.`,
    EROFS: `${path} cannot be written: its disk is read-only.`,
    ENOSPC: `${path} cannot be written: the disk is full.`,
  };
  const message = messages[code];
  return message === undefined ? error : new TackleError('invalid_request', message, { cause: error });
}
