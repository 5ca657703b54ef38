import type { CollectionRef } from './documents.ts';

/** What one commit did to one document: JSON texts of the whole of it, null where it was not there. */
export interface DocumentChanged {
  readonly before: string | null;
  readonly after: string | null;
}

export type CollectionNews =
  | { readonly kind: 'changes'; readonly changes: readonly DocumentChanged[] }
  /** Changes happened that are not told one by one (a large import, a dropped collection, a writer that failed). */
  | { readonly kind: 'gap'; readonly reason: string };

/**
 * Tells of committed changes while they are asked for; nothing is kept for later. Only changes that go through this gateway
 * are seen.
 */
export interface ChangeSource {
  /**
   * Calls the listener after each commit that changed a visible document of the collection, in the order of the commits and
   * before the promise of the commit resolves. Resolves, once it is in force, with the function that ends it. The collection
   * need not exist. Listeners must not throw.
   */
  watch(collection: CollectionRef, listener: (news: CollectionNews) => void): Promise<() => void>;
}
