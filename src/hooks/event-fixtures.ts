/**
 * A realistic context for every event that a producer fires, with exactly the members that the producer sets.
 * `hooks fire`, `hooks test` and tests of hooks start from these.
 */
import path from 'node:path';
import { createHookEvent, type HookEvent } from '../core/hook-event.ts';

export interface FixturePlaces {
  readonly cfg: unknown;
  readonly workspaceDir: string;
}

export interface EventFixture {
  readonly sessionKey: string;
  readonly context: Record<string, unknown>;
}

const sessionKey = 'agent:main:main';
const sessionId = 'abc123def456';

type Builder = (places: FixturePlaces) => EventFixture;

function sessionEntry(places: FixturePlaces) {
  return {
    sessionId,
    sessionFile: path.join(path.dirname(places.workspaceDir), 'agents/main/sessions', `${sessionId}.jsonl`),
  };
}

const inSession =
  (build: (places: FixturePlaces) => Record<string, unknown>): Builder =>
  (places) => ({ sessionKey, context: build(places) });

const command = inSession((places) => ({
  sessionEntry: { sessionId: 'new789' },
  previousSessionEntry: sessionEntry(places),
  commandSource: 'telegram',
  senderId: '123456789',
  workspaceDir: places.workspaceDir,
  cfg: places.cfg,
}));

const mediaBase = {
  from: '+15550001111',
  to: '+15550002222',
  body: 'Please look at the parser',
  bodyForAgent: 'Please look at the parser',
  timestamp: 1_768_573_800_000,
  channelId: 'whatsapp',
  conversationId: '+15550001111',
  messageId: 'msg-1',
  senderId: '+15550001111',
  senderName: 'Ada',
  senderUsername: 'ada',
  provider: 'whatsapp',
  surface: 'whatsapp',
};

const gatewayEnd =
  (action: string): Builder =>
  () => ({
    sessionKey: `gateway:${action}`,
    context: { reason: 'SIGTERM', restartExpectedMs: action === 'pre-restart' ? 1_500 : null },
  });

const builders: Readonly<Record<string, Builder>> = {
  'command:new': command,
  'command:reset': command,
  'command:stop': inSession((places) => ({
    sessionEntry: sessionEntry(places),
    sessionId,
    commandSource: 'telegram',
    senderId: '123456789',
  })),
  'session:compact:before': inSession(() => ({
    sessionId,
    missingSessionKey: false,
    messageCount: 42,
    tokenCount: 90_000,
    messageCountOriginal: 42,
    tokenCountOriginal: 90_000,
  })),
  'session:compact:after': inSession(() => ({
    sessionId,
    missingSessionKey: false,
    messageCount: 12,
    tokenCount: 9_000,
    compactedCount: 30,
    summaryLength: 1_200,
    tokensBefore: 90_000,
    tokensAfter: 9_000,
    firstKeptEntryId: 'entry-31',
  })),
  'session:patch': inSession((places) => ({
    sessionEntry: sessionEntry(places),
    patch: { label: 'parser work' },
    cfg: places.cfg,
  })),
  'session:auto-reset': inSession((places) => ({
    cfg: places.cfg,
    agentId: 'main',
    workspaceDir: places.workspaceDir,
    storePath: path.join(path.dirname(places.workspaceDir), 'agents/main/sessions/sessions.json'),
    sessionEntry: sessionEntry(places),
    reason: 'idle',
  })),
  'session:start': inSession((places) => ({
    sessionEntry: sessionEntry(places),
    sessionId,
    sessionFile: sessionEntry(places).sessionFile,
    workspaceDir: places.workspaceDir,
    agentId: 'main',
    cfg: places.cfg,
    reason: 'new',
    isReset: true,
    previousSessionId: 'old456',
  })),
  'session:end': inSession((places) => ({
    sessionEntry: sessionEntry(places),
    sessionId,
    sessionFile: sessionEntry(places).sessionFile,
    workspaceDir: places.workspaceDir,
    agentId: 'main',
    cfg: places.cfg,
    reason: 'new',
    messageCount: 8,
  })),
  'agent:bootstrap': inSession((places) => ({
    workspaceDir: places.workspaceDir,
    bootstrapFiles: [
      { name: 'AGENTS.md', path: path.join(places.workspaceDir, 'AGENTS.md'), content: '# Agents\n', missing: false },
      { name: 'SOUL.md', path: path.join(places.workspaceDir, 'SOUL.md'), content: '# Soul\n', missing: false },
      { name: 'BOOTSTRAP.md', path: path.join(places.workspaceDir, 'BOOTSTRAP.md'), missing: true },
    ],
    cfg: places.cfg,
    sessionKey,
    sessionId,
    agentId: 'main',
  })),
  'agent:error': inSession((places) => ({
    error: { name: 'Error', message: 'the model did not answer', code: 'ETIMEDOUT' },
    sessionId,
    agentId: 'main',
    runId: 'run-1',
    phase: 'model',
    willRetry: false,
    workspaceDir: places.workspaceDir,
    cfg: places.cfg,
  })),
  'gateway:startup': (places) => ({
    sessionKey: 'gateway:startup',
    context: { cfg: places.cfg, deps: {}, workspaceDir: places.workspaceDir },
  }),
  'gateway:shutdown': gatewayEnd('shutdown'),
  'gateway:pre-restart': gatewayEnd('pre-restart'),
  'message:received': inSession(() => ({
    from: '+15550001111',
    content: 'Please look at the parser',
    timestamp: 1_768_573_800_000,
    channelId: 'whatsapp',
    accountId: 'default',
    conversationId: '+15550001111',
    messageId: 'msg-1',
    metadata: {
      to: '+15550002222',
      provider: 'whatsapp',
      surface: 'whatsapp',
      senderId: '+15550001111',
      senderName: 'Ada',
    },
  })),
  'message:transcribed': inSession((places) => ({
    ...mediaBase,
    transcript: 'Please look at the parser',
    mediaPath: '/tmp/voice.ogg',
    mediaType: 'audio/ogg',
    cfg: places.cfg,
  })),
  'message:preprocessed': inSession((places) => ({ ...mediaBase, isGroup: false, cfg: places.cfg })),
  'message:sent': inSession(() => ({
    to: '+15550001111',
    content: 'I looked at the parser.',
    success: true,
    channelId: 'whatsapp',
    accountId: 'default',
    conversationId: '+15550001111',
    messageId: 'msg-2',
    isGroup: false,
  })),
};

/** The fixture of a key; a family takes its first event, an unknown key an empty context. */
export function createEventContext(key: string, places: FixturePlaces): EventFixture {
  const builder = builders[key] ?? Object.entries(builders).find(([name]) => name.startsWith(`${key}:`))?.[1];
  return builder === undefined ? { sessionKey, context: {} } : builder(places);
}

/** Keys that have a fixture: every event of every producer. */
export function listFixtureKeys(): readonly string[] {
  return Object.keys(builders);
}

export interface TestEventOptions {
  readonly sessionKey?: string;
  readonly context?: Record<string, unknown>;
  readonly timestamp?: Date;
  readonly workspaceDir?: string;
  readonly cfg?: unknown;
}

/** An event for a test of a handler: `await handler(createTestEvent('command:new'))`. */
export function createTestEvent(key: string, options: TestEventOptions = {}): HookEvent {
  const separator = key.indexOf(':');
  const type = separator === -1 ? key : key.slice(0, separator);
  const action = separator === -1 ? '' : key.slice(separator + 1);
  const fixture = createEventContext(key, {
    cfg: options.cfg ?? {},
    workspaceDir: options.workspaceDir ?? '/tmp/workspace',
  });
  const context = { ...fixture.context, ...options.context };
  return createHookEvent(
    type,
    action,
    options.sessionKey ?? fixture.sessionKey,
    context,
    options.timestamp ?? new Date('2026-01-16T14:30:00Z'),
  );
}
