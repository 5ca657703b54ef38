/** What a host passes to the engine and takes back: contexts of every event, bootstrap files, session transitions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownHookEvents } from '../../src/core/hook-event.ts';
import { takeBootstrapFiles } from '../../src/hooks/bootstrap-files.ts';
import { createEventContext, createTestEvent, listFixtureKeys } from '../../src/hooks/event-fixtures.ts';
import { createSessionEvents } from '../../src/hooks/session-events.ts';
import { createTestHome, startEngine } from './support.ts';

const message = [
  'from',
  'to',
  'body',
  'bodyForAgent',
  'timestamp',
  'channelId',
  'conversationId',
  'messageId',
  'senderId',
  'senderName',
  'senderUsername',
  'provider',
  'surface',
];
const command = ['sessionEntry', 'previousSessionEntry', 'commandSource', 'senderId', 'workspaceDir', 'cfg'];
const session = ['sessionEntry', 'sessionId', 'sessionFile', 'workspaceDir', 'agentId', 'cfg', 'reason'];
const gatewayEnd = ['reason', 'restartExpectedMs'];

const contextKeys: Record<string, readonly string[]> = {
  'command:new': command,
  'command:reset': command,
  'command:stop': ['sessionEntry', 'sessionId', 'commandSource', 'senderId'],
  'session:compact:before': [
    'sessionId',
    'missingSessionKey',
    'messageCount',
    'tokenCount',
    'messageCountOriginal',
    'tokenCountOriginal',
  ],
  'session:compact:after': [
    'sessionId',
    'missingSessionKey',
    'messageCount',
    'tokenCount',
    'compactedCount',
    'summaryLength',
    'tokensBefore',
    'tokensAfter',
    'firstKeptEntryId',
  ],
  'session:patch': ['sessionEntry', 'patch', 'cfg'],
  'session:auto-reset': ['cfg', 'agentId', 'workspaceDir', 'storePath', 'sessionEntry', 'reason'],
  'session:start': [...session, 'isReset', 'previousSessionId'],
  'session:end': [...session, 'messageCount'],
  'agent:bootstrap': ['workspaceDir', 'bootstrapFiles', 'cfg', 'sessionKey', 'sessionId', 'agentId'],
  'agent:error': ['error', 'sessionId', 'agentId', 'runId', 'phase', 'willRetry', 'workspaceDir', 'cfg'],
  'gateway:startup': ['cfg', 'deps', 'workspaceDir'],
  'gateway:shutdown': gatewayEnd,
  'gateway:pre-restart': gatewayEnd,
  'message:received': [
    'from',
    'content',
    'timestamp',
    'channelId',
    'accountId',
    'conversationId',
    'messageId',
    'metadata',
  ],
  'message:transcribed': [...message, 'transcript', 'mediaPath', 'mediaType', 'cfg'],
  'message:preprocessed': [...message, 'isGroup', 'cfg'],
  'message:sent': ['to', 'content', 'success', 'channelId', 'accountId', 'conversationId', 'messageId', 'isGroup'],
};

test('T21 every producer has a fixture with exactly its members, and a handler receives them', async (t) => {
  assert.deepEqual([...listFixtureKeys()].sort(), knownHookEvents.map((event) => event.key).sort());
  const home = createTestHome(t);
  home.hook('echo', {
    events: ['command', 'session', 'agent', 'gateway', 'message'],
    handler:
      'export default (e) => { e.messages.push(JSON.stringify([e.type + ":" + e.action, Object.keys(e.context), e.timestamp instanceof Date, e.sessionKey])); };',
  });
  const engine = await startEngine(t, home);
  for (const [key, keys] of Object.entries(contextKeys)) {
    const event = createTestEvent(key);
    assert.deepEqual(Object.keys(event.context).sort(), [...keys].sort(), key);
    const { runs } = await engine.dispatch(event, { mode: 'await' });
    const [heardKey, heardMembers, isDate, sessionKey] = JSON.parse(runs[0]?.messages[0]?.text ?? '[]');
    assert.deepEqual([heardKey, [...heardMembers].sort(), isDate], [key, [...keys].sort(), true]);
    assert.equal(sessionKey, key.startsWith('gateway:') ? key : 'agent:main:main');
  }
});

test('a family stands for its first event, an unknown key for an empty context', () => {
  const places = { cfg: {}, workspaceDir: '/w' };
  assert.deepEqual(createEventContext('command', places), createEventContext('command:new', places));
  assert.deepEqual(createEventContext('custom:thing', places).context, {});
});

test('T24 bootstrap: pushed and replaced lists count, junk is dropped with a hint, a non-list is ignored', () => {
  const original = [{ path: 'a' }];
  const warnings: string[] = [];
  const take = (bootstrapFiles: unknown) =>
    takeBootstrapFiles({ bootstrapFiles }, original, (text) => void warnings.push(text));
  assert.deepEqual(take([{ path: 'x', virtual: true }, { path: ' ' }, { filePath: 'y' }, null, 'z']), [
    { path: 'x', virtual: true },
  ]);
  assert.equal(warnings.length, 4);
  assert.match(warnings[1] ?? '', /"filePath" should be "path"/);
  for (const junk of [undefined, 'text', { length: 1 }]) assert.equal(take(junk), original);
});

test('R-22 each transition of a session is announced once, the end before the start', async (t) => {
  const home = createTestHome(t);
  home.hook('log', {
    events: ['session'],
    handler: 'export default (e) => { console.log(e.action, e.context.sessionId, e.context.reason); };',
  });
  const engine = await startEngine(t, home);
  const events = createSessionEvents(engine);
  const facts = (sessionId: string) => ({
    sessionKey: 'agent:main:main',
    sessionId,
    sessionEntry: { sessionId },
    workspaceDir: home.workspace,
    agentId: 'main',
    cfg: {},
  });
  await events.start(facts('one'), 'first');
  assert.equal(await events.start(facts('one'), 'first'), null);
  await Promise.all([
    events.end(facts('one'), 'new', 8),
    events.end(facts('one'), 'shutdown'),
    events.start(facts('two'), 'new', 'one'),
  ]);
  const runs = (await engine.listRuns()).toReversed();
  assert.deepEqual(
    runs.map((run) => run.logs.trim()),
    ['start one first', 'end one new', 'start two new'],
  );
});
