/** The bundled hooks, called directly and through the engine, on real files. The model and the agent runner are fakes. */
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { normalizeSlug } from '../../src/hooks/bundled/session-memory/slug.ts';
import { createLogCollector, createTestHome, startEngine, type TestHome } from './support.ts';

const at = new Date('2026-01-16T14:30:00Z');
const message = (role: string, text: unknown, extra: object = {}) =>
  JSON.stringify({ type: 'message', message: { role, content: text, ...extra } });

function enable(home: TestHome, entries: object, more: object = {}): void {
  home.config({ hooks: { internal: { enabled: true, entries } }, ...more });
}

function memoryFiles(home: TestHome): string[] {
  const dir = path.join(home.workspace, 'memory');
  return existsSync(dir) ? readdirSync(dir).sort() : [];
}

async function saveSession(
  t: Parameters<typeof startEngine>[0],
  home: TestHome,
  entry: object,
  context: object = {},
  options: object = {},
) {
  enable(home, { 'session-memory': entry });
  const engine = await startEngine(t, home, { bundled: true, ...options });
  const cfg = JSON.parse(readFileSync(path.join(home.state, 'openclaw.json'), 'utf8'));
  const full = { workspaceDir: home.workspace, cfg, commandSource: 'telegram', ...context };
  const result = await engine.emit('command', 'new', 'agent:main:main', full, {
    timestamp: at,
    hook: 'session-memory',
  });
  assert.deepEqual(
    result.runs.map((run) => [run.outcome, run.error]),
    [['ok', undefined]],
  );
  return result;
}

test('the four bundled hooks of the seed have its names, events and signs', async (t) => {
  const home = createTestHome(t);
  const { logger, lines } = createLogCollector();
  const engine = await startEngine(t, home, { bundled: true, logger });
  const list = engine.list().hooks.map((hook) => [hook.name, hook.emoji, hook.events, hook.eligible, hook.source]);
  assert.deepEqual(list, [
    ['boot-md', '🚀', ['gateway:startup'], true, 'openclaw-bundled'],
    ['bootstrap-extra-files', '📎', ['agent:bootstrap'], true, 'openclaw-bundled'],
    ['command-logger', '📝', ['command'], true, 'openclaw-bundled'],
    ['compaction-notifier', '🧹', ['session:compact:before', 'session:compact:after'], false, 'openclaw-bundled'],
    ['session-memory', '💾', ['command:new'], true, 'openclaw-bundled'],
  ]);
  const texts = lines.map((line) => line.message);
  for (const line of [
    'session-memory -> command:new',
    'bootstrap-extra-files -> agent:bootstrap',
    'command-logger -> command',
    'boot-md -> gateway:startup',
  ]) {
    assert.ok(texts.includes(`Registered hook: ${line}`));
  }
  for (const name of ['session-memory', 'bootstrap-extra-files', 'command-logger', 'boot-md']) {
    assert.deepEqual(engine.info(name)?.install, [
      { id: 'bundled', kind: 'bundled', label: 'Bundled with OpenClaw', bins: [] },
    ]);
    assert.equal(engine.info(name)?.homepage, `https://docs.openclaw.ai/automation/hooks#${name}`);
  }
});

test('T26 session-memory filters before it cuts and writes the format of the original', async (t) => {
  const home = createTestHome(t);
  const noise = Array.from({ length: 30 }, () =>
    JSON.stringify({ type: 'tool_result', message: { role: 'tool', content: 'noise' } }),
  );
  const lines = [
    message('user', 'first'),
    ...noise,
    message('assistant', [
      { type: 'text', text: 'second' },
      { type: 'text', text: 'not this' },
    ]),
    message('user', '/status'),
    message('user', 'from another agent', { provenance: { kind: 'inter_session' } }),
    message('system', 'hidden'),
    'not json',
    message('user', 'third'),
    ...noise,
  ];
  const sessionFile = home.write('sessions/abc.jsonl', lines.join('\n'));
  await saveSession(t, home, { llmSlug: false }, { previousSessionEntry: { sessionId: 'abc', sessionFile } });
  assert.deepEqual(memoryFiles(home), ['2026-01-16-1430.md']);
  assert.equal(
    readFileSync(path.join(home.workspace, 'memory/2026-01-16-1430.md'), 'utf8'),
    '# Session: 2026-01-16 14:30:00 UTC\n\n- **Session Key**: agent:main:main\n- **Session ID**: abc\n- **Source**: telegram\n\n## Conversation Summary\n\nuser: first\nassistant: second\nuser: third\n',
  );
});

test('T26 the number of messages is configurable, and 15 when it makes no sense', async (t) => {
  const lines = Array.from({ length: 20 }, (_, n) => message('user', `m${n}`)).join('\n');
  for (const [messages, expected] of [
    [3, 3],
    [0, 15],
    ['x', 15],
    [99, 20],
  ] as const) {
    const home = createTestHome(t);
    const sessionFile = home.write('s/abc.jsonl', lines);
    await saveSession(t, home, { llmSlug: false, messages }, { sessionEntry: { sessionId: 'abc', sessionFile } });
    const text = readFileSync(path.join(home.workspace, 'memory', memoryFiles(home)[0] ?? ''), 'utf8');
    assert.equal(text.match(/^user: /gm)?.length, expected);
  }
});

test('T26 the transcript is found wherever a reset left it', async (t) => {
  const line = message('user', 'found');
  const cases: Record<string, { files: Record<string, string>; entry: object; expected: string | null }> = {
    'the named file': { files: { 's/a.jsonl': line }, entry: { sessionFile: 's/a.jsonl' }, expected: 'found' },
    'rotated beside it': {
      files: { 's/a.jsonl.reset.1': message('user', 'old'), 's/a.jsonl.reset.2': line },
      entry: { sessionFile: 's/a.jsonl' },
      expected: 'found',
    },
    'an empty active file, then the rotated one': {
      files: { 's/a.jsonl': '', 's/a.jsonl.reset.2': line },
      entry: { sessionFile: 's/a.jsonl' },
      expected: 'found',
    },
    'a pointer to a rotated file, with the active one back': {
      files: { 's/a.jsonl': line, 's/a.jsonl.reset.2': message('user', 'old') },
      entry: { sessionFile: 's/a.jsonl.reset.2' },
      expected: 'found',
    },
    'only the rotated file of the pointer': {
      files: { 's/a.jsonl.reset.2': line },
      entry: { sessionFile: 's/a.jsonl.reset.2' },
      expected: 'found',
    },
    'by id in the workspace': {
      files: { '.openclaw/workspace/sessions/id9.jsonl': line },
      entry: { sessionId: 'id9' },
      expected: 'found',
    },
    'the newest topic file': {
      files: { 's/id9-topic-1.jsonl': message('user', 'old'), 's/id9-topic-2.jsonl': line },
      entry: { sessionId: 'id9', sessionFile: 's/gone.jsonl' },
      expected: 'found',
    },
    'the newest file when one was known': {
      files: { 's/x1.jsonl': message('user', 'old'), 's/x2.jsonl': line },
      entry: { sessionFile: 's/gone.jsonl' },
      expected: 'found',
    },
    'no guess when none was known': {
      files: { '.openclaw/workspace/sessions/x2.jsonl': line },
      entry: {},
      expected: null,
    },
    'nothing at all': { files: {}, entry: { sessionFile: 's/gone.jsonl', sessionId: '../../etc' }, expected: null },
  };
  for (const [name, { files, entry, expected }] of Object.entries(cases)) {
    const home = createTestHome(t);
    for (const [file, text] of Object.entries(files)) home.write(file, text);
    const absolute = Object.fromEntries(
      Object.entries(entry).map(([key, value]) => [
        key,
        key === 'sessionFile' ? path.join(home.home, String(value)) : value,
      ]),
    );
    await saveSession(t, home, { llmSlug: false }, { previousSessionEntry: absolute });
    const text = readFileSync(path.join(home.workspace, 'memory', memoryFiles(home)[0] ?? ''), 'utf8');
    assert.equal(/^user: (.*)$/m.exec(text)?.[1] ?? null, expected, name);
  }
});

test('T26 R-17 two resets in one minute keep both files, and memory never leaves the workspace', async (t) => {
  const home = createTestHome(t);
  await saveSession(t, home, { llmSlug: false });
  await saveSession(t, home, { llmSlug: false });
  assert.deepEqual(memoryFiles(home), ['2026-01-16-1430-2.md', '2026-01-16-1430.md']);
  const other = createTestHome(t);
  mkdirSync(path.join(other.home, 'outside'));
  symlinkSync(path.join(other.home, 'outside'), path.join(other.workspace, 'memory'));
  await saveSession(t, other, { llmSlug: false });
  assert.deepEqual(readdirSync(path.join(other.home, 'outside')), []);
});

test('T26 S12 the name is the model’s words, cleaned; errors and silence fall back to the time', async (t) => {
  const answers: [string | Error, string][] = [
    ['Vendor Pitch', 'vendor-pitch'],
    ['../../etc/passwd', 'etc-passwd'],
    ['HTTP 429 rate limit exceeded', '1430'],
    ['{"error":"quota"}', '1430'],
    ['???', '1430'],
    [new Error('no model'), '1430'],
  ];
  for (const [answer, slug] of answers) {
    const home = createTestHome(t);
    const sessionFile = home.write('s/a.jsonl', message('user', 'hello'));
    const generateText = async () => {
      if (answer instanceof Error) throw answer;
      return answer;
    };
    await saveSession(t, home, {}, { previousSessionEntry: { sessionFile } }, { host: { generateText } });
    assert.deepEqual(memoryFiles(home), [`2026-01-16-${slug}.md`]);
  }
  assert.equal(normalizeSlug('A -- very LONG name with many words that go on'), 'a-very-long-name-with-many-wor');
});

test('session-memory hears more events in profile current and when its entry says so', async (t) => {
  const home = createTestHome(t);
  enable(home, { 'session-memory': { events: ['command:new', 'command:reset'] } });
  assert.deepEqual((await startEngine(t, home, { bundled: true })).info('session-memory')?.events, [
    'command:new',
    'command:reset',
  ]);
  enable(home, { 'session-memory': { enabled: true } });
  const current = await startEngine(t, home, { bundled: true, profile: 'current' });
  assert.deepEqual(current.info('session-memory')?.events, ['command:new', 'command:reset', 'session:auto-reset']);
});

test('T27 S8 bootstrap-extra-files adds matching files, refuses others, and filters for subagents', async (t) => {
  const home = createTestHome(t);
  home.write('.openclaw/workspace/packages/a/AGENTS.md', 'a');
  home.write('.openclaw/workspace/packages/b/TOOLS.md', 'b');
  home.write('.openclaw/workspace/packages/b/README.md', 'no');
  home.write('.openclaw/workspace/docs/SOUL.md', 's');
  home.write('outside/AGENTS.md', 'secret');
  mkdirSync(path.join(home.workspace, 'linked'));
  symlinkSync(path.join(home.home, 'outside/AGENTS.md'), path.join(home.workspace, 'linked/AGENTS.md'));
  mkdirSync(path.join(home.workspace, 'hard'));
  linkSync(path.join(home.home, 'outside/AGENTS.md'), path.join(home.workspace, 'hard/AGENTS.md'));
  const entry = {
    enabled: true,
    paths: [
      'packages/*/*.md',
      'docs/SOUL.md',
      'linked/AGENTS.md',
      'hard/AGENTS.md',
      '../../outside/AGENTS.md',
      'none/USER.md',
    ],
    files: ['ignored'],
  };
  enable(home, { 'bootstrap-extra-files': entry });
  const engine = await startEngine(t, home, { bundled: true });
  const cfg = JSON.parse(readFileSync(path.join(home.state, 'openclaw.json'), 'utf8'));
  const run = async (sessionKey: string) => {
    const base = { name: 'IDENTITY.md', path: 'x', content: 'i', missing: false };
    const result = await engine.emit('agent', 'bootstrap', sessionKey, {
      workspaceDir: home.workspace,
      bootstrapFiles: [base],
      cfg,
    });
    return {
      names: (result.context.bootstrapFiles as { name: string }[]).map((file) => file.name),
      logs: result.runs[0]?.logs ?? '',
    };
  };
  const main = await run('agent:main:main');
  assert.deepEqual(main.names, ['IDENTITY.md', 'AGENTS.md', 'TOOLS.md', 'SOUL.md']);
  for (const reason of [
    'README.md is skipped: invalid-bootstrap-filename',
    'linked/AGENTS.md is skipped: security',
    'hard/AGENTS.md is skipped: security',
    'outside/AGENTS.md is skipped: security',
    'USER.md is skipped: missing',
  ]) {
    assert.ok(main.logs.includes(reason), reason);
  }
  assert.deepEqual((await run('agent:main:subagent:x')).names, ['AGENTS.md', 'TOOLS.md']);
  assert.deepEqual((await run('agent:main:cron:x')).names, ['IDENTITY.md', 'AGENTS.md', 'TOOLS.md', 'SOUL.md']);
});

test('T28 command-logger writes whole lines in a fixed order, also a thousand at once', async (t) => {
  const home = createTestHome(t);
  const engine = await startEngine(t, home, { bundled: true });
  const emits = Array.from({ length: 1_000 }, (_, n) =>
    engine.emit(
      'command',
      'stop',
      `s${n}`,
      { senderId: `u${n}`, commandSource: 'cli' },
      { timestamp: at, hook: 'command-logger' },
    ),
  );
  await Promise.all(emits);
  await engine.emit('command', 'new', 's', {}, { timestamp: at, hook: 'command-logger' });
  const lines = readFileSync(path.join(home.state, 'logs/commands.log'), 'utf8').trim().split('\n');
  assert.equal(lines.length, 1_001);
  assert.equal(new Set(lines.map((line) => JSON.parse(line).senderId)).size, 1_001);
  assert.equal(
    lines.at(-1),
    '{"timestamp":"2026-01-16T14:30:00.000Z","action":"new","sessionKey":"s","senderId":"unknown","source":"unknown"}',
  );
});

test('T29 boot-md runs each agent that has a BOOT.md, and one failure stops nobody', async (t) => {
  const home = createTestHome(t);
  const agents = {
    agents: {
      list: [
        { id: 'main', default: true },
        { id: 'b', workspace: '~/b' },
        { id: 'c', workspace: '~/c' },
        { id: 'd', workspace: '~/d' },
      ],
    },
  };
  enable(home, {}, agents);
  home.write('.openclaw/workspace/BOOT.md', 'check mail');
  home.write('b/BOOT.md', 'check calendar');
  home.write('c/BOOT.md', '  \n');
  const calls: { agentId: string; prompt: string; sessionId?: string }[] = [];
  const runAgent = async (request: { agentId: string; prompt: string; sessionId?: string }) => {
    calls.push(request);
    if (request.agentId === 'main') throw new Error('model down');
  };
  const engine = await startEngine(t, home, { bundled: true, host: { runAgent } });
  const cfg = JSON.parse(readFileSync(path.join(home.state, 'openclaw.json'), 'utf8'));
  const { runs } = await engine.emit(
    'gateway',
    'startup',
    'gateway:startup',
    { cfg, workspaceDir: home.workspace },
    { mode: 'await', timestamp: at },
  );
  assert.deepEqual(
    calls.map((call) => call.agentId),
    ['main', 'b'],
  );
  assert.match(calls[0]?.prompt ?? '', /check mail/);
  assert.match(calls[0]?.sessionId ?? '', /^boot-2026-01-16_14-30-00-000-[0-9a-f]{8}$/);
  assert.match(runs[0]?.logs ?? '', /agent main .* failed: model down/);
});

test('T29 boot-md without an agent runner is recorded as skipped', async (t) => {
  const home = createTestHome(t);
  home.write('.openclaw/workspace/BOOT.md', 'check mail');
  const engine = await startEngine(t, home, { bundled: true });
  const { runs } = await engine.fire('gateway:startup', { hook: 'boot-md' });
  assert.deepEqual(
    runs.map((run) => [run.outcome, run.reason]),
    [['skipped', 'no agent runner']],
  );
});

test('compaction-notifier speaks when it is enabled and the producer delivers', async (t) => {
  const home = createTestHome(t);
  enable(home, { 'compaction-notifier': { enabled: true } });
  const engine = await startEngine(t, home, { bundled: true });
  const sent: string[] = [];
  const deliver = async (text: string) => void sent.push(text);
  await engine.emit('session', 'compact:before', 's', {}, { deliver });
  await engine.emit('session', 'compact:after', 's', { tokensBefore: 9, tokensAfter: 3 }, { deliver });
  assert.equal(sent.length, 2);
  assert.match(sent[1] ?? '', /9 → 3/);
});
