/** How far a build has come, for people who wait: "Installing 3 packages". */
export type ReportProgress = (message: string) => void;

export interface BuildOptions {
  /** Directory of the app. */
  readonly dir: string;
  /** Entry file relative to `dir`; else `main` of package.json, `index.js` or `index.ts`. The extension may be left out. */
  readonly main?: string;
  /** For packages that the platform provides; `<home>/cache/packages` unless given. */
  readonly cacheDir?: string;
  readonly onProgress?: ReportProgress;
  /** Milliseconds that `npm install` may take. */
  readonly installTimeoutMs?: number;
}

export interface BuiltApp {
  /** One classic script that leaves the exports of the app in `globalThis.__tackleExports`. */
  readonly code: string;
  /** Source map of `code` (version 3, with the sources), for `mapStack`. */
  readonly sourceMap: string;
  /** Entry file, relative to the directory of the app. */
  readonly main: string;
  readonly language: 'Javascript' | 'Typescript';
  /** Packages that had to be installed first. */
  readonly installed: readonly string[];
  readonly warnings: readonly string[];
}

/** Where something is wrong; `file` is relative to the app, `line` and `column` count from 1. */
export interface BuildProblem {
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

/** Longest script that is deployed. A megabyte is a lot of app; forty mean that something was bundled by mistake. */
export const maxBundleBytes = 40 * 1024 * 1024;
