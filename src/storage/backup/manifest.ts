/** The last entry of an archive; without it the archive was not finished. */
export const manifestName = 'manifest.json';
export const databaseName = 'tackle.db';

export interface BackupManifest {
  readonly format: 1;
  readonly createdAtMs: number;
  /** Release that made the backup. */
  readonly version: string;
  readonly files: readonly BackupManifestFile[];
}

export interface BackupManifestFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}
