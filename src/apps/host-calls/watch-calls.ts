import { TackleError } from '../../core/errors.ts';
import { type DocumentFeed, openDocumentFeed } from '../../documents/index.ts';
import type { HostCallContext } from '../../ports/sandbox.ts';
import type { ChangeSource } from '../../ports/storage/changes.ts';
import type { ProcessCalls } from '../host-functions.ts';
import { filterParam, numberParam, textParam } from './params.ts';

/** Each costs a match for every change of its collection. */
const maxFeedsPerProcess = 200;

/** Change feeds, for the vocabulary of `sandbox/runtime/abi/host-calls.ts`. They end with the process that opened them. */
export function createWatchCalls(source: ChangeSource): () => ProcessCalls {
  return () => {
    const feeds = new Map<number, DocumentFeed>();
    let lastId = 0;
    let opening = 0;
    let isOver = false;

    function close(id: number): void {
      feeds.get(id)?.close();
      feeds.delete(id);
    }

    async function open(spaceId: string, params: Readonly<Record<string, unknown>>, context: HostCallContext) {
      if (feeds.size + opening >= maxFeedsPerProcess) {
        throw new TackleError('quota_exceeded', `An app may watch at most ${maxFeedsPerProcess} queries at a time.`);
      }
      opening += 1;
      try {
        const feed = await openDocumentFeed(source, spaceId, textParam(params, 'collection'), filterParam(params));
        lastId += 1;
        const id = lastId;
        feeds.set(id, feed);
        // A request that was given up cannot end its feed itself: its calls are refused.
        if (context.invocation !== null) context.signal.addEventListener('abort', () => close(id), { once: true });
        if (isOver || context.signal.aborted) close(id);
        return { watchId: id };
      } finally {
        opening -= 1;
      }
    }

    return {
      calls: {
        'documents.watch': open,
        'documents.nextChanges': async (_spaceId, params) => {
          const id = numberParam(params, 'watchId');
          const feed = feeds.get(id);
          if (feed === undefined) return null;
          try {
            return { rawJson: (await feed.next()) ?? 'null' };
          } finally {
            if (feed.isOver) feeds.delete(id);
          }
        },
        'documents.unwatch': async (_spaceId, params) => {
          close(numberParam(params, 'watchId'));
          return null;
        },
      },
      end() {
        isOver = true;
        for (const id of [...feeds.keys()]) close(id);
      },
    };
  };
}
