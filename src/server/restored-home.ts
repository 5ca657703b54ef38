import { isPlainObject } from '../core/json.ts';
import type { Storage } from '../ports/storage.ts';
import { restoredRecord } from '../storage/backup/restore-backup.ts';

/**
 * True when the home comes from a backup and nobody has said yet that it takes over: what was done after the backup would
 * be done again. `resume` says it, for now and for later starts.
 */
export async function readRestoredPause(storage: Storage, resume: boolean): Promise<boolean> {
  const record = await storage.read({ kind: 'record.get', ...restoredRecord });
  if (record === null || !isPlainObject(record.value) || record.value.paused !== true) return false;
  if (!resume) return true;
  await storage.commit([{ kind: 'record.remove', ...restoredRecord }], { lane: { lane: 'system' } });
  return false;
}
