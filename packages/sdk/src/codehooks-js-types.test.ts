/**
 * Our library stands in for `codehooks-js`: wherever a value or type of its declaration file is expected, ours fits. Checked
 * by the compiler (the assignments below do not compile otherwise); the tests only compare names. Real: the declaration file of
 * codehooks-js 1.4.3. Fake: nothing.
 *
 * Left out: what 1.4.3 declares and has no code for (`coderunner`, `app.useExpress`, `app.registerWorkflow`); `crudlify`, which
 * it declares as a module instead of its function (compared with that function below); `Workflow.register`, by which its
 * engine hangs itself into the app, and the members that return a workflow with it; and the reports of timed-out steps, where
 * ours says that a step which never started has no times.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as Theirs from 'codehooks-js';
import type * as Ours from './index.ts';
import * as library from './index.ts';

type TheirModule = typeof Theirs;
type OurModule = typeof Ours;
type DeclaredOnly = 'coderunner';
type TheirApp = Omit<Theirs.Codehooks, 'useExpress' | 'registerWorkflow' | 'createWorkflow' | 'openapi'>;
type OpenApiOf<App> = App extends { openapi: (...args: infer Args) => unknown } ? Args : never;
type AppName = 'app' | 'coho' | 'default' | 'Codehooks';

/** True when ours can be used where theirs is expected. */
type Fits<Our, Their> = [Our] extends [Their] ? true : false;
/** The names for which it cannot; none. */
type Misfits<Our, Their> = {
  [Name in keyof Their]: Name extends keyof Our ? (Fits<Our[Name], Their[Name]> extends true ? never : Name) : Name;
}[keyof Their];

type Values = Omit<TheirModule, DeclaredOnly | AppName | 'Workflow' | 'crudlify'>;
type WorkflowMembers = Omit<
  Theirs.Workflow,
  'register' | 'on' | 'once' | 'off' | 'isStepTimedOut' | 'findTimedOutSteps'
>;

/** Does not compile, and shows the names, when there are any. */
type NoNames<Names> = [Names] extends [never] ? 'none' : Names;

export const missingExports: NoNames<Exclude<keyof TheirModule, keyof OurModule | DeclaredOnly>> = 'none';
export const misfittingValues: NoNames<Misfits<OurModule, Values>> = 'none';
export const misfittingAppMembers: NoNames<Misfits<Ours.Codehooks, TheirApp>> = 'none';
export const misfittingStoreMembers: NoNames<Misfits<Ours.DatastoreAPI, Theirs.DatastoreAPI>> = 'none';
export const misfittingCollectionMembers: NoNames<Misfits<Ours.NoSQLAPI, Theirs.NoSQLAPI>> = 'none';
export const misfittingWorkflowMembers: NoNames<Misfits<Ours.Workflow, WorkflowMembers>> = 'none';

/** What apps get: ours goes where theirs is expected. */
interface Outputs {
  DataStream: Fits<Ours.DataStream, Theirs.DataStream>;
  DatastoreAPI: Fits<Ours.DatastoreAPI, Theirs.DatastoreAPI>;
  NoSQLAPI: Fits<Ours.NoSQLAPI, Theirs.NoSQLAPI>;
  Filesystem: Fits<Ours.Filesystem, Theirs.Filesystem>;
  httpRequest: Fits<Ours.httpRequest, Theirs.httpRequest>;
  httpResponse: Fits<Ours.httpResponse, Theirs.httpResponse>;
  Request: Fits<Ours.Request, Theirs.Request>;
  Response: Fits<Ours.Response, Theirs.Response>;
  nextFunction: Fits<Ours.nextFunction, Theirs.nextFunction>;
  NextFunction: Fits<Ours.NextFunction, Theirs.NextFunction>;
  crudlify: Fits<typeof Ours.crudlify, typeof Theirs.crudlify.default>;
  defaultExport: Fits<Ours.Codehooks, TheirApp>;
}

/** What apps give: theirs goes where ours is expected. */
interface Inputs {
  keyvalOptions: Fits<Theirs.keyvalOptions, Ours.keyvalOptions>;
  nextFunction: Fits<Theirs.nextFunction, Ours.nextFunction>;
  OpenAPIConfig: Fits<Theirs.OpenAPIConfig, Ours.OpenAPIConfig>;
  OpenAPIRouteSpec: Fits<Theirs.OpenAPIRouteSpec, Ours.OpenAPIRouteSpec>;
  OpenAPISchema: Fits<Theirs.OpenAPISchema, Ours.OpenAPISchema>;
  OpenAPIParameter: Fits<Theirs.OpenAPIParameter, Ours.OpenAPIParameter>;
  OpenAPIRequestBody: Fits<Theirs.OpenAPIRequestBody, Ours.OpenAPIRequestBody>;
  OpenAPIResponse: Fits<Theirs.OpenAPIResponse, Ours.OpenAPIResponse>;
  OpenAPIInfo: Fits<Theirs.OpenAPIInfo, Ours.OpenAPIInfo>;
  OpenAPIServer: Fits<Theirs.OpenAPIServer, Ours.OpenAPIServer>;
  OpenAPITag: Fits<Theirs.OpenAPITag, Ours.OpenAPITag>;
  OpenAPIFilterOperation: Fits<Theirs.OpenAPIFilterOperation, Ours.OpenAPIFilterOperation>;
  openapiArguments: Fits<OpenApiOf<Theirs.Codehooks>, OpenApiOf<Ours.Codehooks>>;
}

export const outputs: Record<keyof Outputs, true> = {} as Outputs;
export const inputs: Record<keyof Inputs, true> = {} as Inputs;

test('every value that codehooks-js declares is there when the library is loaded', () => {
  const names = [
    'Datastore',
    'datastore',
    'aggregation',
    'crudlify',
    'coho',
    'app',
    'schedule',
    'realtime',
    'filestore',
  ];
  const helpers = ['Codehooks', 'Workflow', 'openapi', 'response', 'body', 'param', 'query', 'header', 'default'];
  for (const name of [...names, ...helpers]) assert.ok(name in library, name);
});

test('members that apps take out of the app keep working', () => {
  const { get, settings, set } = library.Codehooks.getInstance();
  set('key', 1);
  get('/x', () => {});
  assert.equal(settings.key, 1);
});
