import type { StaticOptions } from './static-files.ts';
import type { Handler } from './types.ts';

/**
 * What the answer of a handler is, in words that the platform understands. It may then answer by itself, with the same
 * bytes, without entering the app.
 */
export type PlatformAnswer =
  /** One document by its `ID`, as JSON. `collections` null: every collection. */
  | { readonly kind: 'crud-read-one'; readonly collections: readonly string[] | null }
  /** Documents by the query language of CRUD URLs, as a JSON array. */
  | { readonly kind: 'crud-list'; readonly collections: readonly string[] | null }
  /** A file of the store. As an auth hook: names with a known type pass, and all of them when there is a `notFound`. */
  | { readonly kind: 'file'; readonly source: boolean; readonly options: StaticOptions };

const answerOf = new WeakMap<Handler, PlatformAnswer>();

export function answeredByPlatform(handler: Handler, answer: PlatformAnswer): Handler {
  answerOf.set(handler, answer);
  return handler;
}

/** The answers of those routes (or auth hooks) that have nothing but such a handler, by key. */
export function describeRoutes(routes: Readonly<Record<string, readonly Handler[]>>): Record<string, PlatformAnswer> {
  const described: Record<string, PlatformAnswer> = {};
  for (const [key, [handler, ...others]] of Object.entries(routes)) {
    const answer = handler === undefined || others.length > 0 ? undefined : answerOf.get(handler);
    if (answer !== undefined) described[key] = answer;
  }
  return described;
}
