/**
 * The SQLite engine against the suite that every engine must pass. Real: threads, files, fsync. Fake: nothing.
 */
import { testStorageConformance } from '../conformance/index.ts';
import { sqliteHarness } from './testing/temporary-storage.ts';

testStorageConformance(sqliteHarness);
