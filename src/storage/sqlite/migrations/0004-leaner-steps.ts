import { historyIdsPerInstance } from '../history-id.ts';
import type { Migration } from './migration.ts';

/**
 * What a step of a workflow writes, on fewer pages. Entries of histories stand under one number made of those of the instance
 * and of the entry: without a rowid, whole entries with their states stood in the inner pages of the tree. And the step, which
 * changes all the time, is in no index.
 */
export const leanerSteps: Migration = {
  version: 4,
  name: 'leaner workflow steps',
  up(db) {
    db.exec(`
      CREATE TABLE workflow_history_4 (
        id INTEGER PRIMARY KEY,
        entry TEXT NOT NULL,
        state_before TEXT NOT NULL
      ) STRICT;
      INSERT INTO workflow_history_4 (id, entry, state_before)
        SELECT instance_n * ${historyIdsPerInstance} + number, entry, state_before FROM workflow_history
        ORDER BY instance_n, number;
      DROP TABLE workflow_history;
      ALTER TABLE workflow_history_4 RENAME TO workflow_history;

      DROP INDEX workflow_instances_by_status;
      CREATE INDEX workflow_instances_by_status ON workflow_instances (space, name, status);
    `);
  },
};
