import { join } from 'node:path';
import type { Logger } from 'pino';
import { createAddressGuard } from '../egress/address-guard.ts';
import { createDialer } from '../egress/connect-tcp.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import type { Sandbox } from '../ports/sandbox.ts';
import { openDenoSandbox } from '../sandbox/deno/open-deno-sandbox.ts';
import { openSqliteStorage, type SqliteStorage } from '../storage/sqlite/open-sqlite-storage.ts';
import type { Telemetry } from '../storage/telemetry/open-telemetry.ts';
import type { Config } from './config.ts';
import { createLazyOutboundHttp } from './lazy-outbound-http.ts';
import { createLazyTelemetry } from './lazy-telemetry.ts';
import { createRefusedEgressLog } from './refused-egress-log.ts';

/** What has threads or processes of its own. */
export interface Engines extends AsyncDisposable {
  readonly database: SqliteStorage;
  readonly telemetry: Telemetry;
  readonly sandbox: Sandbox;
  readonly outboundHttp: OutboundHttp;
  /** The gateway's own ports, which no app may connect to; filled when it listens. */
  readonly ports: number[];
}

/** Opens all of them at once, because they start beside each other and beside the loading of everything else. */
export async function openEngines(config: Config, logger: Logger): Promise<Engines> {
  const { home } = config;
  const ports: number[] = [];
  const dialer = createDialer(createAddressGuard({ ownPorts: () => ports }));
  const outboundHttp = createLazyOutboundHttp(dialer);
  await using opened = new AsyncDisposableStack();
  opened.use(outboundHttp);
  const telemetry = opened.use(
    createLazyTelemetry(
      {
        directory: home,
        retentionMs: config.retention.logDays * 86_400_000,
        maxBytes: config.retention.logMb * 1024 * 1024,
      },
      (error) => logger.error({ err: error }, 'the logs of apps cannot be kept'),
    ),
  );
  const opening = [
    openSqliteStorage({
      directory: home,
      maxCollections: config.storage.collectionLimit,
      minFreeBytes: config.storage.diskFloorMb * 1024 * 1024,
      onDamage: (error) => logger.error({ err: error }, 'the database is damaged'),
    }),
    openDenoSandbox({
      cacheDir: join(home, 'cache'),
      spareMemoryMb: config.apps.memoryMb,
      dialer,
      outboundHttp,
      onEgress: createRefusedEgressLog(telemetry, Date),
    }),
  ] as const;
  // When one fails, the others are closed with the rest.
  for (const result of await Promise.allSettled(opening)) if (result.status === 'fulfilled') opened.use(result.value);
  const [database, sandbox] = await Promise.all(opening);
  const all = opened.move();
  return { database, telemetry, sandbox, outboundHttp, ports, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
