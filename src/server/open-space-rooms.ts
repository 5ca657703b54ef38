import type { Logger } from 'pino';
import { createDocuments, type Documents } from '../documents/index.ts';
import { createKeyValue, type KeyValue } from '../keyvalue/index.ts';
import { createProjects, openSecrets, type Projects } from '../projects/index.ts';
import type { Config } from './config.ts';
import type { Engines } from './open-engines.ts';
import { type FileRooms, openFiles } from './open-files.ts';
import { openRealtime, type Realtime } from './open-realtime.ts';
import { withSpaceQuotas } from './space-quotas.ts';

export interface SpaceRoomsOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly engines: Engines;
  /** Hosts of the gateway itself, which no project may take. */
  readonly ownHosts: readonly string[];
  /** Deletes what a removed space has stored. */
  purgeSpace(spaceId: string): Promise<void>;
}

/** What spaces are, and what each of them keeps. */
export interface SpaceRooms {
  /** What every room writes through: quotas are kept, and those who listen hear of it. */
  readonly storage: Realtime['storage'];
  readonly channels: Realtime['channels'];
  readonly fileRooms: FileRooms;
  readonly documents: Documents;
  readonly keyValue: KeyValue;
  readonly projects: Projects;
}

/** Opens the rooms that work without any app; what has to be closed again goes onto `opened`. */
export async function openSpaceRooms(
  opened: AsyncDisposableStack,
  { config, logger, engines, ownHosts, purgeSpace }: SpaceRoomsOptions,
): Promise<SpaceRooms> {
  const { home } = config;
  // Storage comes first, and asks these two about the spaces that it serves.
  const getDocuments = (): Documents => documents;
  const getProjects = (): Projects => projects;

  const realtime = opened.use(openRealtimeOf(engines, logger, getDocuments, getProjects));
  const storage = withSpaceQuotas(realtime.storage, {
    getQuotas: (spaceId) => getProjects().getSpace(spaceId)?.quotas ?? null,
    clock: Date,
  });
  const fileRooms = opened.use(
    await openFiles({
      home,
      storage,
      getMaxBytes: (spaceId) => getProjects().getSpace(spaceId)?.quotas.maxBytes ?? null,
      maxFileBytes: config.storage.fileLimitMb * 1024 * 1024,
      onCollected: ({ removed, bytes }) => {
        if (removed > 0) logger.info({ removed, bytes }, 'files that nothing names any more were removed');
      },
      onCollectError: (error) => logger.error({ err: error }, 'unused files could not be removed'),
    }),
  );
  const documents = createDocuments(storage);
  const keyValue = createKeyValue(storage);
  const secrets = await openSecrets({ home, keyFromEnv: config.security.secretKey ?? undefined, storage });
  const projects = opened.use(
    await createProjects(
      { storage, secrets, http: engines.outboundHttp },
      {
        reservedHosts: ownHosts,
        auditRetentionMs: config.retention.auditDays * 86_400_000,
        purgeSpace,
        onWarning: (message, details) => logger.warn(details, message),
      },
    ),
  );
  return { storage, channels: realtime.channels, fileRooms, documents, keyValue, projects };
}

function openRealtimeOf(
  { database, telemetry }: Engines,
  logger: Logger,
  getDocuments: () => Documents,
  getProjects: () => Projects,
): Realtime {
  return openRealtime({
    storage: database,
    getDocuments,
    listSpaceIds() {
      const projects = getProjects();
      return projects.listProjects().flatMap(({ id }) => projects.listSpaces(id).map((space) => space.id));
    },
    onWarning: (spaceId, log) =>
      telemetry.appendLogs(spaceId, [{ context: 'realtime', logtype: 'warn', log, time: Date.now() }]),
    onSweepError: (error) => logger.error({ err: error }, 'listeners that nobody uses could not be removed'),
  });
}
