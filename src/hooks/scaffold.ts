/** Writes a new hook that is complete: HOOK.md, a handler and a test that passes, with types for `tsc` and editors. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../core/errors.ts';
import { findNearestEventKey, isKnownEventKey } from '../core/hook-event.ts';

export interface ScaffoldRequest {
  readonly name: string;
  readonly events: readonly string[];
  /** Directory in which the hook's own directory is made. */
  readonly parentDir: string;
  readonly description?: string;
}

/** Returns the directory of the new hook. Throws when it exists or an event is unknown. */
export async function createHookScaffold(request: ScaffoldRequest): Promise<string> {
  const { name, events } = request;
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    throw new TackleError('invalid_name', `"${name}" cannot be a hook's name; use letters, digits, "-", "_" and ".".`);
  }
  for (const key of events) {
    if (isKnownEventKey(key)) continue;
    const nearest = findNearestEventKey(key);
    throw new TackleError(
      'invalid_request',
      `Nothing fires "${key}".${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
    );
  }
  const dir = path.join(request.parentDir, name);
  await mkdir(request.parentDir, { recursive: true });
  try {
    await mkdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new TackleError('conflict', `${dir} exists already; choose another name or delete it first.`);
  }
  await writeFile(path.join(dir, 'HOOK.md'), renderHookFile(request));
  await writeFile(path.join(dir, 'handler.ts'), renderHandler(request));
  await writeFile(path.join(dir, 'handler.test.ts'), renderTest(request));
  await writeTypes(request.parentDir);
  return dir;
}

const typesFile = 'openclaw-hooks.d.ts';

/** One copy for all hooks of a directory, as two of them in one program would contradict each other. */
async function writeTypes(parentDir: string): Promise<void> {
  await copyFile(path.join(import.meta.dirname, typesFile), path.join(parentDir, typesFile));
  if (isInTypeScriptProject(parentDir)) return;
  const config = {
    compilerOptions: {
      target: 'esnext',
      lib: ['esnext', 'dom'],
      module: 'nodenext',
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
    },
    include: ['.'],
    // Tests need @types/node, which the author may not have.
    exclude: ['**/*.test.ts', '**/node_modules'],
  };
  await writeFile(path.join(parentDir, 'tsconfig.json'), `${JSON.stringify(config, null, 2)}\n`);
}

function isInTypeScriptProject(dir: string): boolean {
  if (existsSync(path.join(dir, 'tsconfig.json'))) return true;
  const parent = path.dirname(dir);
  return parent !== dir && isInTypeScriptProject(parent);
}

function renderHookFile({ name, events, description }: ScaffoldRequest): string {
  const text = JSON.stringify(description ?? `Reacts to ${events.join(', ')}`);
  return `---
name: ${name}
description: ${text}
metadata:
  {
    "openclaw":
      {
        "emoji": "🔗",
        "events": ${JSON.stringify(events)},
        "requires": {},
      },
  }
---

# ${name}

What this hook does, and what it needs.
`;
}

function splitKey(key: string): { type: string; action: string } {
  const separator = key.indexOf(':');
  return separator === -1
    ? { type: key, action: '' }
    : { type: key.slice(0, separator), action: key.slice(separator + 1) };
}

function renderHandler({ name, events }: ScaffoldRequest): string {
  const types = [...new Set(events.map((key) => splitKey(key).type))];
  const condition = types.map((type) => `event.type !== ${JSON.stringify(type)}`).join(' && ');
  return `import type { HookHandler } from 'openclaw/hooks';

const handler: HookHandler = async (event) => {
  if (${condition}) return;
  console.log(\`[${name}] \${event.type}:\${event.action} in \${event.sessionKey}\`);
};

export default handler;
`;
}

function renderTest({ name, events }: ScaffoldRequest): string {
  const { type, action } = splitKey(events[0] ?? 'command:new');
  return `import { test } from 'node:test';
import handler from './handler.ts';

test('${name} handles ${events[0] ?? 'command:new'}', async () => {
  await handler({
    type: ${JSON.stringify(type)},
    action: ${JSON.stringify(action)},
    sessionKey: 'agent:main:main',
    timestamp: new Date('2026-01-16T14:30:00Z'),
    messages: [],
    context: {},
  });
});
`;
}
