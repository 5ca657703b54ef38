import type { Apps } from '../apps/apps.ts';
import type { Documents } from '../documents/index.ts';
import type { KeyValue } from '../keyvalue/index.ts';
import type { Telemetry } from '../storage/telemetry/open-telemetry.ts';
import type { Durable } from '../workflows/durable.ts';
import type { FileRooms } from './open-files.ts';

interface RoomsOfSpaces {
  readonly apps: Apps;
  readonly durable: Pick<Durable, 'removeSpace'>;
  readonly documents: Documents;
  readonly keyValue: KeyValue;
  readonly fileRooms: Pick<FileRooms, 'files'>;
  readonly telemetry: Telemetry;
}

/** Deletes what a removed space has stored, its app first. Safe to call again after a crash. */
export async function purgeSpace(rooms: RoomsOfSpaces, spaceId: string): Promise<void> {
  await rooms.apps.removeSpace(spaceId);
  await rooms.durable.removeSpace(spaceId);
  await rooms.documents.removeSpace(spaceId);
  await rooms.keyValue.removeSpace(spaceId);
  await rooms.fileRooms.files.removeSpace(spaceId);
  await rooms.telemetry.removeSpace(spaceId);
}
