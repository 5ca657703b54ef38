/** Homes, hooks and engines for the tests of the hooks room: real files in a temporary directory, the real engine. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { HookEngine, HookEngineOptions } from '../../src/hooks/engine-types.ts';
import { createHookEngine } from '../../src/hooks/index.ts';
import { createHookLogger, type HookLogger } from '../../src/hooks/logging/logger.ts';

export interface TestHome {
  /** What HOME is; `state` is `.openclaw` in it. */
  readonly home: string;
  readonly state: string;
  readonly workspace: string;
  readonly env: Record<string, string | undefined>;
  readonly write: (relative: string, text: string) => string;
  readonly config: (config: unknown) => void;
  /** Writes a hook directory and returns it. `place` is relative to the state directory. */
  readonly hook: (name: string, hook: HookFiles, place?: string) => string;
}

export interface HookFiles {
  readonly events?: readonly string[];
  readonly metadata?: Record<string, unknown>;
  readonly md?: string;
  readonly handler?: string;
  readonly files?: Readonly<Record<string, string>>;
}

export function createTestHome(t: TestContext): TestHome {
  const home = mkdtempSync(path.join(os.tmpdir(), 'tackle-hooks-test-'));
  t.after(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  const state = path.join(home, '.openclaw');
  const workspace = path.join(state, 'workspace');
  mkdirSync(path.join(workspace, 'hooks'), { recursive: true });
  const write = (relative: string, text: string) => {
    const file = path.join(home, relative);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const hook: TestHome['hook'] = (name, files, place = 'workspace/hooks') => {
    const dir = path.join('.openclaw', place, name);
    const metadata = { openclaw: { events: files.events ?? ['command:new'], ...files.metadata } };
    write(
      path.join(dir, 'HOOK.md'),
      files.md ?? `---\nname: ${name}\ndescription: "test hook"\nmetadata: ${JSON.stringify(metadata)}\n---\n`,
    );
    if (files.handler !== undefined) write(path.join(dir, 'handler.js'), files.handler);
    for (const [file, text] of Object.entries(files.files ?? {})) write(path.join(dir, file), text);
    return path.join(home, dir);
  };
  const config = (value: unknown) => void write('.openclaw/openclaw.json', JSON.stringify(value));
  config({ hooks: { internal: { enabled: true } } });
  const env = {
    ...process.env,
    HOME: home,
    OPENCLAW_STATE_DIR: undefined,
    TACKLE_HOME: undefined,
    NODE_ENV: undefined,
  };
  return { home, state, workspace, env, write, config, hook };
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

export function createLogCollector(): { logger: HookLogger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  return { lines, logger: createHookLogger((level, _subsystem, message) => lines.push({ level, message })) };
}

/** An engine on the home, without the bundled hooks unless asked for; stopped when the test ends. */
export async function startEngine(
  t: TestContext,
  home: TestHome,
  options: HookEngineOptions & { bundled?: boolean } = {},
): Promise<HookEngine> {
  const { bundled = false, ...rest } = options;
  const engine = createHookEngine({
    env: home.env,
    ...(bundled ? {} : { bundledHooksDir: path.join(home.home, 'no-bundled-hooks') }),
    ...rest,
  });
  t.after(() => engine.stop({ deadlineMs: 200 }));
  await engine.start();
  return engine;
}

export const pushes = (text: string) =>
  `export default async (event) => { event.messages.push(${JSON.stringify(text)}); };`;
