/** The hooks room's public surface. */
export { type BootstrapFileEntry, takeBootstrapFiles } from './bootstrap-files.ts';
export { createHookEngine } from './engine.ts';
export type * from './engine-types.ts';
export { createEventContext, createTestEvent, listFixtureKeys } from './event-fixtures.ts';
export type { HostAdapter } from './host-adapter.ts';
export type { HookJournal, JournalEvent, OpenEvent, RunFilter, RunOutcome, RunRecord } from './journal/journal.ts';
export { openSqliteJournal } from './journal/sqlite-journal.ts';
export { createFileLogger, createHookLogger, type FileLogger, type HookLogger } from './logging/logger.ts';
export { createSessionEvents, type SessionEvents, type SessionFacts } from './session-events.ts';
