import type { ReadKind } from '../../ports/storage.ts';
import { readHandlers } from './commands/index.ts';

/** Which readers run a kind of read, as its handler says. */
export const readLanes: Readonly<Record<ReadKind, 'point' | 'scan'>> = Object.fromEntries(
  Object.entries(readHandlers).map(([kind, { lane }]) => [kind, lane]),
) as Record<ReadKind, 'point' | 'scan'>;
