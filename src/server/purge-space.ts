import type { Apps } from '../apps/apps.ts';
import type { Storage } from '../ports/storage.ts';

const pageSize = 1000;

/** Deletes what a removed space has stored. Safe to call again after a crash. */
export async function purgeSpace(storage: Storage, apps: Apps, spaceId: string): Promise<void> {
  const system = { lane: { lane: 'system' } } as const;
  await apps.removeSpace(spaceId);
  await storage.commit([{ kind: 'space.drop', space: spaceId }], system);
  for (;;) {
    const [{ removed }] = await storage.commit(
      [{ kind: 'keyvalue.removeSpace', space: spaceId, limit: pageSize }],
      system,
    );
    if (removed < pageSize) return;
  }
}
