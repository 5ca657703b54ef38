import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadHookConfig } from '../../hooks/config/hook-config.ts';
import type { HookJournal } from '../../hooks/journal/journal.ts';
import { openSqliteJournal } from '../../hooks/journal/sqlite-journal.ts';
import type { HooksCliContext } from './hooks-context.ts';

/** Opens the journal of the home for one question; undefined when nothing was ever recorded. */
export async function withJournal<T>(
  homeDir: string | undefined,
  context: HooksCliContext,
  ask: (journal: HookJournal) => Promise<T>,
): Promise<T | undefined> {
  const config = loadHookConfig({ env: context.env, homeDir, onMissingEnv: 'warn' });
  const file = path.join(config.places.tackleHome, 'hooks.db');
  if (!existsSync(file)) return undefined;
  const journal = openSqliteJournal({
    file,
    getConfig: () => config.config,
    onError: (message) => context.writeError(message),
  });
  try {
    return await ask(journal);
  } finally {
    await journal.close();
  }
}
