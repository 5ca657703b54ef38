import type { HookJournal } from './journal.ts';

/** Hook name to why it was not called when it was last passed over, as far back as the newest thousand such records. */
export async function readLastSkipped(journal: HookJournal): Promise<ReadonlyMap<string, string>> {
  const skipped = await journal.listRuns({ outcomes: ['skipped'], limit: 1_000 });
  const reasons = new Map<string, string>();
  for (const { hook, reason } of skipped) if (reason !== undefined && !reasons.has(hook)) reasons.set(hook, reason);
  return reasons;
}
