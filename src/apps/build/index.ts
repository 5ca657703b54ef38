export { buildApp } from './build-app.ts';
export {
  type BuildOptions,
  type BuildProblem,
  type BuiltApp,
  maxBundleBytes,
  type ReportProgress,
} from './built-app.ts';
export { mapStack } from './map-stack.ts';
export type { PackageBundleOptions } from './package-bundle.ts';
export { type PreparedBundle, prepareOriginalBundle } from './prepare-original-bundle.ts';
