import {
  type Field,
  integer,
  isAddressOrCidr,
  isHostName,
  isHttpOrigin,
  list,
  oneOf,
  optionalText,
  text,
} from './config-fields.ts';

/**
 * Every setting of a gateway, by section and name as they stand in `tackle.json`. docs/configuration.md is made from this
 * table.
 */
export const configFields = {
  server: {
    host: text({
      default: '127.0.0.1',
      env: 'TACKLE_HOST',
      flag: '--host <address>',
      description:
        'Address to listen on. Only this machine can connect unless it is set; 0.0.0.0 and :: listen everywhere.',
    }),
    port: integer({
      default: 3011,
      min: 0,
      max: 65_535,
      env: 'TACKLE_PORT',
      flag: '--port <number>',
      description: 'Port to listen on; 0 takes any free one.',
    }),
    publicUrl: optionalText(
      {
        env: 'TACKLE_PUBLIC_URL',
        flag: '--public-url <url>',
        description: 'Where the outside world reaches this gateway; used in every URL that is printed.',
      },
      { allowed: 'an http or https URL without a path', isValid: isHttpOrigin },
    ),
    adminHosts: list(
      {
        default: [],
        env: 'TACKLE_ADMIN_HOST',
        flag: '--admin-host <name>',
        description:
          'Host names, besides this machine, under which the pages and the administration API answer. No app is ever served from them.',
      },
      { allowed: 'is a host name without scheme and port', isValid: isHostName },
    ),
    trustProxy: list(
      {
        default: [],
        env: 'TACKLE_TRUST_PROXY',
        flag: '--trust-proxy <address>',
        description: 'Addresses of reverse proxies whose X-Forwarded headers are believed.',
      },
      { allowed: 'is an IP address or CIDR', isValid: isAddressOrCidr },
    ),
    tlsCert: optionalText(
      {
        env: 'TACKLE_TLS_CERT',
        flag: '--tls-cert <file>',
        description: 'Certificate chain (PEM). Needs `server.tlsKey`.',
      },
      { allowed: 'a path' },
    ),
    tlsKey: optionalText(
      { env: 'TACKLE_TLS_KEY', flag: '--tls-key <file>', description: 'Private key (PEM) of `server.tlsCert`.' },
      { allowed: 'a path' },
    ),
    bodyLimitMb: integer({
      default: 50,
      min: 1,
      max: 4096,
      env: 'TACKLE_BODY_LIMIT_MB',
      description: 'Largest request body, in megabytes; larger ones get 413.',
    }),
    drainTimeoutMs: integer({
      default: 10_000,
      min: 0,
      max: 600_000,
      env: 'TACKLE_DRAIN_TIMEOUT_MS',
      description: 'How long requests under way may take to finish when the gateway stops, in milliseconds.',
    }),
  },
  logging: {
    level: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      default: 'info',
      env: 'TACKLE_LOG_LEVEL',
      flag: '--log-level <level>',
      description: "Least severe entry of the gateway's own log (JSON lines on stderr).",
    }),
  },
  security: {
    secretKey: optionalText(
      {
        env: 'TACKLE_SECRET_KEY',
        secret: true,
        description:
          'Key for secrets at rest. Without it the gateway makes `secret.key` in the home at its first start.',
      },
      { allowed: '32 bytes as base64 or 64 hexadecimal digits', isValid: isSecretKey },
    ),
  },
  storage: {
    collectionLimit: integer({
      default: 2000,
      min: 1,
      max: 100_000,
      env: 'TACKLE_COLLECTION_LIMIT',
      description:
        'Most collections in all spaces together. Each costs time at every start and every change of a schema.',
    }),
    fileLimitMb: integer({
      default: 5120,
      min: 1,
      max: 1_000_000,
      env: 'TACKLE_FILE_LIMIT_MB',
      description: 'Largest file of a space, in megabytes.',
    }),
    diskFloorMb: integer({
      default: 500,
      min: 0,
      max: 1_000_000,
      env: 'TACKLE_DISK_FLOOR_MB',
      description:
        'Below this much free disk, in megabytes, writes of apps are refused while running work is finished.',
    }),
  },
  retention: {
    logDays: integer({
      default: 7,
      min: 1,
      max: 36_500,
      env: 'TACKLE_RETENTION_LOG_DAYS',
      description: 'Days to keep the logs of apps.',
    }),
    logMb: integer({
      default: 1000,
      min: 1,
      max: 1_000_000,
      env: 'TACKLE_RETENTION_LOG_MB',
      description: 'Most space for the logs of apps, in megabytes; the oldest go first.',
    }),
    auditDays: integer({
      default: 90,
      min: 1,
      max: 36_500,
      env: 'TACKLE_RETENTION_AUDIT_DAYS',
      description: 'Days to keep the record of administrative changes.',
    }),
  },
  apps: {
    memoryMb: integer({
      default: 256,
      min: 64,
      max: 65_536,
      env: 'TACKLE_APP_MEMORY_MB',
      description: 'Memory of one app process, in megabytes; one that takes more is ended.',
    }),
    requestTimeoutMs: integer({
      default: 60_000,
      min: 100,
      max: 3_600_000,
      env: 'TACKLE_APP_REQUEST_TIMEOUT_MS',
      description: 'How long an app may take to answer a request, in milliseconds; then the caller gets 504.',
    }),
    idleStopMs: integer({
      default: 600_000,
      min: 1000,
      max: 86_400_000,
      env: 'TACKLE_APP_IDLE_STOP_MS',
      description:
        'An app process without work is stopped after this long, in milliseconds; the next request starts it.',
    }),
  },
} as const satisfies Record<string, Record<string, Field<never>> | Record<string, Field<unknown>>>;

type FieldValue<F> = F extends Field<infer Value> ? Value : never;

/** Values of all fields, by section. */
export type Settings = {
  readonly [Section in keyof typeof configFields]: {
    readonly [Name in keyof (typeof configFields)[Section]]: FieldValue<(typeof configFields)[Section][Name]>;
  };
};

/** Blocks whose shape belongs to the rooms that read them. */
export const openBlocks = ['hooks', 'webhooks', 'agents'] as const;

export interface Config extends Settings {
  /** Directory of this gateway's data, absolute. */
  readonly home: string;
  /** Where OpenClaw's own files are: its configuration, hooks and workspaces. Absolute. */
  readonly stateDirectory: string;
  /** `hooks`, `webhooks` and `agents` of `tackle.json`, for those that `openclaw.json` does not have. */
  readonly blocks: Readonly<Record<(typeof openBlocks)[number], Readonly<Record<string, unknown>> | null>>;
}

export interface FieldEntry {
  readonly section: keyof Settings;
  readonly name: string;
  /** `server.port` */
  readonly path: string;
  readonly field: Field<unknown>;
}

export function listConfigFields(): readonly FieldEntry[] {
  return Object.entries(configFields).flatMap(([section, fields]) =>
    Object.entries(fields as Record<string, Field<unknown>>).map(([name, field]) => ({
      section: section as keyof Settings,
      name,
      path: `${section}.${name}`,
      field,
    })),
  );
}

function isSecretKey(value: string): boolean {
  return /^[0-9a-f]{64}$/i.test(value) || Buffer.from(value, 'base64').length === 32;
}
