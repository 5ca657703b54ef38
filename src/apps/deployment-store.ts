import type { Json } from '../core/json.ts';
import type { Storage } from '../ports/storage.ts';
import type { Deployment } from './deployment.ts';

const deploymentType = 'deployment';
/** Key is the space, value `{version}` of its live deployment: one row decides what serves. */
const liveType = 'deployment.live';
const pageSize = 500;

export interface DeploymentStore {
  put(deployment: Deployment): Promise<void>;
  /** Retires the version that was live before, in the same commit. */
  makeLive(deployment: Deployment): Promise<Deployment>;
  clearLive(spaceId: string): Promise<boolean>;
  /** Newest first. */
  list(spaceId: string): Promise<readonly Deployment[]>;
  listLive(): Promise<readonly Deployment[]>;
  lastVersion(spaceId: string): Promise<number>;
  /** Every deployment of every space. */
  listAll(): AsyncIterable<Deployment>;
  /** Forgets all but the newest `kept` versions, the live one and those `inUse`; resolves with what it forgot. */
  prune(spaceId: string, kept: number, inUse: ReadonlySet<number>): Promise<readonly Deployment[]>;
  removeAll(spaceId: string): Promise<void>;
}

export function createDeploymentStore(storage: Storage): DeploymentStore {
  const keyOf = (spaceId: string, version: number) => `${spaceId}/${String(version).padStart(9, '0')}`;
  const system = { lane: { lane: 'system' } } as const;
  const putCommand = (deployment: Deployment) =>
    ({
      kind: 'record.put',
      type: deploymentType,
      key: keyOf(deployment.spaceId, deployment.version),
      value: deployment as unknown as Json,
      expect: 'any',
    }) as const;

  async function get(spaceId: string, version: number): Promise<Deployment | null> {
    const record = await storage.read({ kind: 'record.get', type: deploymentType, key: keyOf(spaceId, version) });
    return record === null ? null : (record.value as unknown as Deployment);
  }

  async function liveVersion(spaceId: string): Promise<number | null> {
    const record = await storage.read({ kind: 'record.get', type: liveType, key: spaceId });
    return record === null ? null : (record.value as { version: number }).version;
  }

  async function list(spaceId: string): Promise<readonly Deployment[]> {
    const records = await storage.read({
      kind: 'record.list',
      type: deploymentType,
      prefix: `${spaceId}/`,
      limit: pageSize,
      reverse: true,
    });
    return records.map((record) => record.value as unknown as Deployment);
  }

  return {
    async put(deployment) {
      await storage.commit([putCommand(deployment)], system);
    },
    async makeLive(deployment) {
      const liveNow = await liveVersion(deployment.spaceId);
      const before = liveNow === null || liveNow === deployment.version ? null : await get(deployment.spaceId, liveNow);
      const pointer = {
        kind: 'record.put',
        type: liveType,
        key: deployment.spaceId,
        value: { version: deployment.version },
        expect: 'any',
      } as const;
      if (before === null) await storage.commit([putCommand(deployment), pointer], system);
      else {
        await storage.commit([putCommand(deployment), pointer, putCommand({ ...before, state: 'retired' })], system);
      }
      return deployment;
    },
    async clearLive(spaceId) {
      const version = await liveVersion(spaceId);
      if (version === null) return false;
      const before = await get(spaceId, version);
      const remove = { kind: 'record.remove', type: liveType, key: spaceId } as const;
      if (before === null) await storage.commit([remove], system);
      else await storage.commit([remove, putCommand({ ...before, state: 'retired' })], system);
      return true;
    },
    list,
    async listLive() {
      const found: Deployment[] = [];
      let after: string | undefined;
      for (;;) {
        const records = await storage.read({ kind: 'record.list', type: liveType, prefix: '', limit: pageSize, after });
        for (const record of records) {
          const deployment = await get(record.key, (record.value as { version: number }).version);
          if (deployment !== null) found.push(deployment);
        }
        if (records.length < pageSize) return found;
        after = records.at(-1)?.key;
      }
    },
    async lastVersion(spaceId) {
      const newest = await storage.read({
        kind: 'record.list',
        type: deploymentType,
        prefix: `${spaceId}/`,
        limit: 1,
        reverse: true,
      });
      return newest[0] === undefined ? 0 : (newest[0].value as unknown as Deployment).version;
    },
    async *listAll() {
      let after: string | undefined;
      for (;;) {
        const records = await storage.read({
          kind: 'record.list',
          type: deploymentType,
          prefix: '',
          limit: pageSize,
          ...(after === undefined ? {} : { after }),
        });
        yield* records.map((record) => record.value as unknown as Deployment);
        if (records.length < pageSize) return;
        after = records.at(-1)?.key;
      }
    },
    async prune(spaceId, kept, inUse) {
      const surplus = (await list(spaceId))
        .slice(kept)
        .filter(({ state, version }) => state !== 'live' && !inUse.has(version));
      for (const { version } of surplus) {
        const key = keyOf(spaceId, version);
        await storage.commit([{ kind: 'record.remove', type: deploymentType, key }], system);
      }
      return surplus;
    },
    async removeAll(spaceId) {
      for (;;) {
        const [{ removed }] = await storage.commit(
          [{ kind: 'record.removePrefix', type: deploymentType, prefix: `${spaceId}/`, limit: 1000 }],
          system,
        );
        if (removed < 1000) break;
      }
      await storage.commit([{ kind: 'record.remove', type: liveType, key: spaceId }], system);
    },
  };
}
