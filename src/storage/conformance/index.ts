import { testChanges } from './changes.ts';
import { testCommits } from './commits.ts';
import { testDocuments } from './documents.ts';
import { testFiles } from './files.ts';
import type { StorageHarness } from './harness.ts';
import { testKeyValue } from './keyvalue.ts';
import { testQueries } from './queries.ts';
import { testRecords } from './records.ts';
import { testTasks } from './tasks.ts';
import { testWorkflowAdoption } from './workflow-adoption.ts';
import { testWorkflows } from './workflows.ts';

/** What every engine of the storage port must pass. Call it from a test file with an engine's harness. */
export function testStorageConformance(harness: StorageHarness): void {
  testCommits(harness);
  testChanges(harness);
  testRecords(harness);
  testKeyValue(harness);
  testDocuments(harness);
  testFiles(harness);
  testQueries(harness);
  testTasks(harness);
  testWorkflows(harness);
  testWorkflowAdoption(harness);
}
