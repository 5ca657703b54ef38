import type { JsonValue } from '../workflows/types.ts';
import type { TestStore, TestWrites } from './test-store.ts';
import type { TestWorkflows } from './test-workflows.ts';

/** What calls of the platform reach in a test. */
export interface PlatformUnderTest {
  readonly workflows: TestWorkflows;
  readonly store: TestStore;
  commit(writes: TestWrites): boolean;
}

/** Answers the calls that steps make of the platform. */
export async function answerPlatformCall(
  { workflows, store, commit }: PlatformUnderTest,
  method: string,
  params: object,
): Promise<unknown> {
  const { instanceId, workflow, state, event, payload, visit, memo, value } = params as PlatformParams;
  switch (method) {
    case 'workflow.start':
      return workflows.start(workflow, state).state;
    case 'workflow.remember':
      workflows.remember(visit, memo, value);
      return null;
    case 'workflow.update':
      return workflows.updateState(instanceId, state, params).state;
    case 'workflow.continue':
      return { instanceId, nextStep: workflows.continue(instanceId).state.nextStep };
    case 'workflow.cancel':
      return workflows.cancel(instanceId).state;
    case 'transaction.read': {
      const { collection, id } = params as { readonly collection: string; readonly id: string };
      return store.find(collection, id);
    }
    case 'kv.get': {
      const { key, keyspace } = params as { readonly key: string; readonly keyspace: string | null };
      return store.getKey(key, keyspace);
    }
    case 'transaction.commit':
      return { committed: commit(params as TestWrites) };
    case 'workflow.send':
      workflows.sendEvent(instanceId, event, payload);
      return { deliveredTo: instanceId };
    default:
      throw new Error(`${method} does not exist in createTestApp`);
  }
}

interface PlatformParams {
  readonly instanceId: string;
  readonly workflow: string;
  readonly state: object;
  readonly event: string;
  readonly payload: JsonValue;
  readonly visit: number;
  readonly memo: string;
  readonly value: JsonValue;
}
