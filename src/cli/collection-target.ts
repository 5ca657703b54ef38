import type { Command } from 'commander';
import { TackleError } from '../core/errors.ts';
import { findNearest } from '../core/nearest.ts';
import { apiPath } from './api-client.ts';
import type { Cli } from './cli.ts';
import { connectToSpace, type SpaceConnection } from './connection.ts';
import { addSpaceOptions, type SpaceOptions } from './options.ts';

export interface CollectionOptions extends SpaceOptions {
  readonly collection?: string;
}

export interface CollectionTarget extends SpaceConnection {
  readonly collection: string;
  /** `/projects/<project>/spaces/<space>/collections/<collection>`, encoded. */
  readonly collectionPath: string;
}

/** The collection is an argument or `-c`, whichever the caller is used to. */
export function addCollectionOptions(command: Command): Command {
  return addSpaceOptions(command.argument('[collection]', 'collection')).option(
    '-c, --collection <name>',
    'the same as the argument',
  );
}

export function requireCollection(argument: string | undefined, options: CollectionOptions): string {
  const collection = argument ?? options.collection;
  if (collection !== undefined && collection !== '') return collection;
  throw new TackleError('invalid_request', 'Which collection? Name one as argument or with --collection.');
}

export async function connectToCollection(
  argument: string | undefined,
  options: CollectionOptions,
  cli: Cli,
): Promise<CollectionTarget> {
  const collection = requireCollection(argument, options);
  const connection = await connectToSpace(options, cli);
  return { ...connection, collection, collectionPath: `${connection.path}${apiPath`/collections/${collection}`}` };
}

/** What the gateway answers when there are no documents. */
export const emptyList = '[]\n';

/** To be called when nothing was found: a collection that is not there has no documents, and its name may be a typo. */
export async function noteIfMissing({ api, path, ...target }: CollectionTarget, { output }: Cli): Promise<void> {
  const request = api.get<{ collections: readonly { readonly name: string }[] }>(`${path}/collections`, {
    system: true,
  });
  // The command has done what it was asked for; a note that cannot be had is none.
  const known = await request.catch(() => null);
  if (known === null) return;
  const names = known.collections.map(({ name }) => name);
  if (names.includes(target.collection)) return;
  const nearest = findNearest(target.collection, names);
  const hint = nearest === null ? "'tackle collections' lists those there are." : `Did you mean '${nearest}'?`;
  output.notice(`note: ${target.project}/${target.space} has no collection '${target.collection}'. ${hint}`);
}

/**
 * With `-c` the collection is not among the arguments, so what stands in its place is the next one:
 * `createindex -c users name` and `createindex users name` mean the same.
 */
export function shiftArguments(
  first: string | undefined,
  rest: readonly string[],
  options: CollectionOptions,
): { readonly collection: string | undefined; readonly rest: readonly string[] } {
  if (options.collection === undefined) return { collection: first, rest };
  return { collection: options.collection, rest: first === undefined ? rest : [first, ...rest] };
}
