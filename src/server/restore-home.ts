import { type RestoreBackupOptions, type RestoreResult, restoreBackup } from '../storage/backup/restore-backup.ts';

/**
 * Puts a backup in the place of a home. The gateway of that home must be stopped; a home that exists is kept beside it.
 * Without `resume` the restored gateway keeps schedules and workers paused.
 */
export function restoreHome(
  options: Pick<RestoreBackupOptions, 'archivePath' | 'homeDirectory' | 'resume'>,
): Promise<RestoreResult> {
  return restoreBackup({ ...options, nowMs: Date.now() });
}
