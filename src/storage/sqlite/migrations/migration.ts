import type { DatabaseSync } from 'node:sqlite';

/** A step from one schema version to the next. Never edited after a release: a later one corrects it. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  up(db: DatabaseSync): void;
}
