/**
 * Files of spaces: which path holds which blob. The bytes are in the blob store, on disk before the commit that names
 * them; here is only what must switch atomically. Paths are normalised (`/a/b.txt`) and are compared binary.
 */
export interface FileRow {
  readonly path: string;
  /** Name of the blob. */
  readonly hash: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  /** Who put it there: an administrator (command line, API), or the app at run time. */
  readonly origin: 'upload' | 'app';
  /** Epoch milliseconds. */
  readonly modifiedAtMs: number;
}

interface FileRef {
  readonly space: string;
  readonly path: string;
}

export interface FileUsage {
  readonly files: number;
  readonly bytes: number;
}

/** A file, or a directory that some files stand for: its time is that of its first file. */
export type FileListing =
  | ({ readonly kind: 'file' } & FileRow)
  | { readonly kind: 'directory'; readonly path: string; readonly modifiedAtMs: number };

export interface FileCommands {
  /**
   * Puts a file, or replaces it. Rejects with `quota_exceeded` when the space's files and documents together would take
   * more than `maxSpaceBytes`, or when a path would be both a file and a directory (`conflict`).
   */
  'file.put': {
    params: { readonly space: string; readonly file: FileRow; readonly maxSpaceBytes: number | null };
    /** The blob that the path named before, when it was another one. */
    result: { readonly replacedHash: string | null };
  };
  'file.remove': { params: FileRef; result: { readonly removedHash: string | null } };
  /** Forgets files of a space that is being removed. */
  'file.removeSpace': {
    params: { readonly space: string; readonly limit: number };
    result: { readonly removed: number };
  };
}

export interface FileReads {
  'file.get': { params: FileRef; result: FileRow | null };
  /**
   * In path order. `directory` ends with `/`. Not `recursive`: what lies deeper is one entry per directory, whose path ends
   * with `/`. `after` continues behind the path of the last entry.
   */
  'file.list': {
    params: {
      readonly space: string;
      readonly directory: string;
      readonly recursive: boolean;
      readonly limit: number;
      readonly after?: string;
    };
    result: readonly FileListing[];
  };
  'file.usage': { params: { readonly space: string }; result: FileUsage };
  /** Those of the given blobs (at most 1,000) that some file names; of one space when it is given. */
  'file.findReferenced': {
    params: { readonly hashes: readonly string[]; readonly space?: string };
    result: readonly string[];
  };
}
