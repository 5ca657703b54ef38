export { buildApp } from './build-app.ts';
export type {
  BuildOptions,
  BuildProblem,
  BuiltApp,
  ReportProgress,
} from './built-app.ts';
export { mapStack } from './map-stack.ts';
export type { PackageBundleOptions } from './package-bundle.ts';
export { type PreparedBundle, prepareOriginalBundle } from './prepare-original-bundle.ts';
