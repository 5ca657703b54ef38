import { recordsDocumentsKeyvalue } from './0001-records-documents-keyvalue.ts';
import { tasksWorkflows } from './0002-tasks-workflows.ts';
import { files } from './0003-files.ts';
import { leanerSteps } from './0004-leaner-steps.ts';
import type { Migration } from './migration.ts';

/** All migrations, in order; version n stands at position n - 1. */
export const migrations: readonly Migration[] = [recordsDocumentsKeyvalue, tasksWorkflows, files, leanerSteps];
