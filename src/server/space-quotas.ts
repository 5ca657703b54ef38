import { TackleError } from '../core/errors.ts';
import type { Command, Storage } from '../ports/storage.ts';
import type { SpaceQuotas } from '../projects/index.ts';

export interface SpaceQuotaOptions {
  getQuotas(spaceId: string): SpaceQuotas | null;
  readonly clock: { now(): number };
}

/** What a space uses is counted this often while it writes; in between a space may exceed its quota. */
const countingIntervalMs = 1_000;
const growing: ReadonlySet<Command['kind']> = new Set(['document.insert', 'document.write', 'keyvalue.set']);

interface Usage {
  countedAt: number;
  counting: boolean;
  exceeded: string | null;
}

/**
 * Refuses what makes a space grow beyond its quotas of documents and bytes; removing goes on. Spaces without a quota
 * cost nothing. Counting takes place beside the writes, so a quota is exceeded by at most what a second brings.
 */
export function withSpaceQuotas(storage: Storage, options: SpaceQuotaOptions): Storage {
  const usages = new Map<string, Usage>();

  function findExcess(space: string): string | null {
    const quotas = options.getQuotas(space);
    if (quotas === null || (quotas.maxBytes === null && quotas.maxDocuments === null)) return null;
    const usage = usages.get(space) ?? { countedAt: Number.NEGATIVE_INFINITY, counting: false, exceeded: null };
    usages.set(space, usage);
    if (!usage.counting && options.clock.now() - usage.countedAt >= countingIntervalMs)
      void count(space, quotas, usage);
    return usage.exceeded;
  }

  async function count(space: string, quotas: SpaceQuotas, usage: Usage): Promise<void> {
    usage.counting = true;
    try {
      const { documents, bytes } = await storage.read({ kind: 'space.usage', space });
      usage.exceeded = describeExcess(quotas, documents, bytes);
      usage.countedAt = options.clock.now();
    } catch {
      // A storage that cannot count cannot write either, and says so by itself.
    } finally {
      usage.counting = false;
    }
  }

  return {
    commit(commands, commitOptions) {
      const { lane } = commitOptions;
      if (lane.lane === 'space' && (commands as readonly Command[]).some((command) => growing.has(command.kind))) {
        const exceeded = findExcess(lane.space);
        if (exceeded !== null) return Promise.reject(new TackleError('quota_exceeded', exceeded));
      }
      return storage.commit(commands, commitOptions);
    },
    read: (read) => storage.read(read),
    readKept: (read) => storage.readKept?.(read),
    backup: (targetPath) => storage.backup(targetPath),
    checkReady: () => storage.checkReady(),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

function describeExcess(quotas: SpaceQuotas, documents: number, bytes: number): string | null {
  if (quotas.maxDocuments !== null && documents >= quotas.maxDocuments) {
    return `The space holds ${documents} documents; its quota is ${quotas.maxDocuments}. Remove some, or raise the quota.`;
  }
  if (quotas.maxBytes !== null && bytes >= quotas.maxBytes) {
    return `The space holds ${bytes} bytes; its quota is ${quotas.maxBytes}. Remove something, or raise the quota.`;
  }
  return null;
}
