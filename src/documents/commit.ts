import type { Command, CommandKind, CommandResult, Storage } from '../ports/storage.ts';
import type { OperationOrder } from './write-order.ts';

/** Who commits: a space, with what must hold for every commit of it. */
export interface CommitContext {
  readonly storage: Storage;
  readonly space: string;
  readonly guards: readonly Command[];
  readonly order: OperationOrder;
}

/** One command in a commit of its own, behind the guards. */
export async function commitOne<Kind extends CommandKind>(
  { storage, space, guards }: CommitContext,
  command: Extract<Command, { kind: Kind }>,
): Promise<CommandResult<Kind>> {
  const commands = [...guards, command];
  const results = (await storage.commit(commands as never, { lane: { lane: 'space', space } })) as readonly unknown[];
  return results.at(-1) as CommandResult<Kind>;
}
