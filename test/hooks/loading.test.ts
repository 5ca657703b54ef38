/** Every way in which real hooks are written, loaded by the real engine. The fixtures are our own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestHome, type HookFiles, startEngine } from './support.ts';

interface Row {
  readonly pattern: string;
  readonly hook: HookFiles;
  /** Messages after command:new, or the load error. */
  readonly messages?: readonly string[];
  readonly loadError?: RegExp;
  readonly runError?: RegExp;
  readonly lenient?: boolean;
}

const ts = (text: string, files: Record<string, string> = {}) => ({ files: { 'handler.ts': text, ...files } });
const js = (text: string, files: Record<string, string> = {}) => ({ files: { 'handler.js': text, ...files } });

const rows: readonly Row[] = [
  {
    pattern: 'TypeScript default export',
    hook: ts('export default async (event: { messages: string[] }): Promise<void> => { event.messages.push("ok"); };'),
    messages: ['ok'],
  },
  {
    pattern: 'module.exports with itself as default',
    hook: js(
      'async function handler(e) { e.messages.push("ok"); }\nmodule.exports = handler;\nmodule.exports.default = handler;',
    ),
    messages: ['ok'],
  },
  {
    pattern: 'CommonJS made by a compiler',
    hook: js(
      '"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\nexports.default = void 0;\nexports.default = (e) => { e.messages.push("ok"); };',
    ),
    messages: ['ok'],
  },
  {
    pattern: 'object export, strict',
    hook: js('module.exports = { handle: (e) => { e.messages.push("ok"); } };'),
    loadError: /is not a function.*export to "handle"/,
  },
  {
    pattern: 'object export, lenient',
    hook: js('module.exports = { handle: (e) => { e.messages.push("ok"); } };'),
    lenient: true,
    messages: ['ok'],
  },
  { pattern: 'no export, work at import', hook: js('console.log("printed");'), loadError: /is not a function/ },
  {
    pattern: 'named export without metadata.export',
    hook: ts('export const onStartup = () => {};'),
    loadError: /export to "onStartup"/,
  },
  {
    pattern: 'type import from openclaw/hooks',
    hook: ts(
      'import type { HookHandler } from "openclaw/hooks";\nconst h: HookHandler = async (e) => { e.messages.push("ok"); };\nexport default h;',
    ),
    messages: ['ok'],
  },
  {
    pattern: 'type imported like a value from a package that does not exist',
    hook: ts(
      'import { OpenClawEvent, Other } from "@openclaw/types";\nexport default (e: OpenClawEvent & Other) => { e.messages.push("ok"); };',
    ),
    messages: ['ok'],
  },
  {
    pattern: 'type imported like a value from a local file',
    hook: ts('import { Thing, real } from "./types.ts";\nexport default (e: Thing) => { e.messages.push(real); };', {
      'types.ts': 'export type Thing = any;\nexport const real = "ok";',
    }),
    messages: ['ok'],
  },
  {
    pattern: 'calling a name that exists only as a type',
    hook: ts('import { Something } from "openclaw/hooks";\nexport default () => { Something(); };'),
    runError: /"Something" of "openclaw\/hooks" exists only as a type/,
  },
  {
    pattern: 'helpers from openclaw/hooks',
    hook: ts(
      'import { isMessageSentEvent, createInternalHookEvent } from "openclaw/hooks";\nexport default (e: any) => { e.messages.push(String(isMessageSentEvent(e)), createInternalHookEvent("a", "b", "c").type); };',
    ),
    messages: ['false', 'a'],
  },
  {
    pattern: "path into the original's own sources",
    hook: ts(
      'import { HookHandler } from "../../src/hooks/hooks.js";\nconst h: HookHandler = (e: any) => { e.messages.push("ok"); };\nexport default h;',
    ),
    messages: ['ok'],
  },
  {
    pattern: '.js specifier for a .ts source',
    hook: ts('import { text } from "./lib/text.js";\nexport default (e: any) => { e.messages.push(text); };', {
      'lib/text.ts': 'export const text: string = "ok";',
    }),
    messages: ['ok'],
  },
  {
    pattern: 'import without an extension, and of a directory',
    hook: ts(
      'import { text } from "./lib/text";\nimport { more } from "./more";\nexport default (e: any) => { e.messages.push(text + more); };',
      {
        'lib/text.ts': 'export const text = "ok";',
        'more/index.ts': 'export const more = "!";',
      },
    ),
    messages: ['ok!'],
  },
  {
    pattern: 'require in a module package',
    hook: js('const path = require("path");\nexport default (e) => { e.messages.push(path.basename(__filename)); };', {
      'package.json': '{"type":"module"}',
    }),
    messages: ['handler.js'],
  },
  {
    pattern: 'a module that declares the CommonJS names itself, in whatever form',
    hook: js(
      `import { createRequire } from 'node:module'; import path from 'node:path'; import { fileURLToPath } from 'node:url';
import { place } from './lib/place.js';
const __filename = fileURLToPath(import.meta.url), __dirname = path.dirname(__filename), require = createRequire(import.meta.url);
export default (e) => { e.messages.push([require('node:path') === path, path.join(__dirname, 'lib') === place].join(' ')); };`,
      {
        'lib/place.js': `import { fileURLToPath } from 'node:url'; import * as path from 'node:path';
const { dir: __dirname } = path.parse(fileURLToPath(import.meta.url));
export const place = __dirname;`,
      },
    ),
    messages: ['true true'],
  },
  {
    pattern: 'a module that uses the CommonJS names without declaring them',
    hook: js(
      `import path from 'node:path';
export default (e) => { e.messages.push([typeof require('node:fs').openSync, path.dirname(__filename) === __dirname].join(' ')); };`,
    ),
    messages: ['function true'],
  },
  {
    pattern: 'CommonJS in a module package',
    hook: js('const os = require("os");\nmodule.exports = (e) => { e.messages.push(typeof os.EOL); };', {
      'package.json': '{"type":"module"}',
    }),
    messages: ['string'],
  },
  {
    pattern: 'ES module in a commonjs package',
    hook: ts('import path from "node:path";\nexport default (e: any) => { e.messages.push(path.sep); };', {
      'package.json': '{"type":"commonjs"}',
    }),
    messages: ['/'],
  },
  {
    pattern: 'a mistake in the TypeScript',
    hook: ts('const a = 1;\nexport default async (e: any => {};\n'),
    loadError: /handler\.ts:2\)$/,
  },
  {
    pattern: 'a mistake in a module that is imported',
    hook: js('import path from "node:path";\nimport { a } from "./lib/a.js";\nexport default () => a(path);', {
      'lib/a.js': 'import fs from "node:fs";\n\nexport const a = ) => fs;\n',
    }),
    loadError: /lib\/a\.js:3\)$/,
  },
  {
    pattern: 'text at import that is no JSON, which is no mistake of the module',
    hook: js('JSON.parse("{");\nexport default () => {};'),
    loadError: /^Expected property name[^/]*$/,
  },
  {
    pattern: 'npm dependency that is not installed',
    hook: js('import axios from "axios-of-nowhere";\nexport default () => axios();'),
    loadError: /missing dependency axios-of-nowhere; run hooks install\/link/,
  },
  {
    pattern: "dynamic import of the original's files",
    hook: js(
      'export default async (e) => { try { await import("/usr/lib/openclaw/dist/index.js"); } catch { console.error("not found"); } e.messages.push("ok"); };',
    ),
    messages: ['ok'],
  },
  {
    pattern: 'context instead of the event',
    hook: js('export default (context) => { context.message.text.trim(); };'),
    runError: /Cannot read properties of undefined/,
  },
  {
    pattern: 'a class as default export',
    hook: js('export default class Handler { run() {} }'),
    runError: /cannot be invoked without 'new'/,
  },
  {
    pattern: 'the event as return value',
    hook: js('export default (e) => { e.messages.push("ok"); return e; };'),
    messages: ['ok'],
  },
  {
    pattern: 'enums, parameter properties and namespaces',
    hook: ts(
      'enum Kind { A = "ok" }\nclass Box { constructor(public value: string) {} }\nnamespace N { export const x = "!"; }\nexport default (e: any) => { e.messages.push(new Box(Kind.A).value + N.x); };',
    ),
    messages: ['ok!'],
  },
  {
    pattern: '.js twin when the .ts has a missing import',
    hook: {
      files: {
        'handler.ts': 'import "./nowhere.ts"; export default () => {};',
        'handler.js': 'export default (e) => { e.messages.push("twin"); };',
      },
    },
    messages: ['twin'],
  },
  {
    pattern: 'handler.mjs only',
    hook: { files: { 'handler.mjs': 'export default (e) => { e.messages.push("ok"); };' } },
    messages: ['ok'],
  },
  {
    pattern: 'handler.cjs only',
    hook: { files: { 'handler.cjs': 'module.exports = (e) => { e.messages.push("ok"); };' } },
    messages: ['ok'],
  },
  {
    pattern: 'handler registered at import by a helper',
    hook: ts(
      'import { registerInternalHook } from "openclaw/hooks";\nregisterInternalHook("command:new", (e: any) => { e.messages.push("dynamic"); });\nexport default (e: any) => { e.messages.push("declared"); };',
    ),
    messages: ['declared', 'dynamic'],
  },
  {
    pattern: 'shebang and byte order mark',
    hook: js('\uFEFF#!/usr/bin/env node\nexport default (e) => { e.messages.push("ok"); };'),
    messages: ['ok'],
  },
];

test('appendix D: every way of writing a hook has the outcome that the contract names', async (t) => {
  const home = createTestHome(t);
  const name = (index: number) => `row-${String(index).padStart(2, '0')}`;
  for (const isLenient of [false, true]) {
    const chosen = rows.map((row, index) => ({ row, index })).filter(({ row }) => (row.lenient ?? false) === isLenient);
    const place = isLenient ? '../lenient' : '../strict';
    for (const { row, index } of chosen) home.hook(name(index), row.hook, place);
    const extraDirs = [isLenient ? '~/lenient' : '~/strict'];
    home.config({ hooks: { internal: { enabled: true, load: { extraDirs }, tackle: { lenientExports: isLenient } } } });
    const engine = await startEngine(t, home);
    const listed = engine.list().hooks;
    const { runs } = await engine.emit('command', 'new', 's', {});
    for (const { row, index } of chosen) {
      await t.test(row.pattern, () => {
        const { loadError } = listed.find((hook) => hook.name === name(index)) ?? {};
        const own = runs.filter((run) => run.hook === name(index));
        if (row.loadError !== undefined) assert.match(loadError ?? '', row.loadError);
        else assert.equal(loadError, undefined);
        if (row.runError !== undefined) assert.match(own[0]?.error?.message ?? '', row.runError);
        if (row.messages !== undefined)
          assert.deepEqual(
            own.flatMap((run) => run.messages.map((message) => message.text)),
            row.messages,
          );
      });
    }
  }
});
