/** Reads one hook directory: HOOK.md, the handler file and what is wrong with them. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { findNearestEventKey, isFamilyKey, isKnownEventKey, isPluginHookName } from '../../core/hook-event.ts';
import { parseFrontmatter } from '../../core/hook-frontmatter.ts';
import { type HookLint, parseHookMetadata, readTopLevelEvents } from '../../core/hook-metadata.ts';
import { hideControlCharacters } from '../logging/clean-text.ts';
import type { DiscoveredHook, DiscoveryProblem, HookRoot } from './discovered-hook.ts';
import { openSafeFile, type UnsafeReason } from './safe-file.ts';

const maxHookFileBytes = 1024 * 1024;
const maxHandlerBytes = 32 * 1024 * 1024;

/** The first four are OpenClaw's; the others only ours. */
const handlerNames = ['handler.ts', 'handler.js', 'index.ts', 'index.js'] as const;
const extraHandlerNames = ['handler.mjs', 'handler.cjs', 'handler.mts', 'handler.cts'] as const;

const unsafeTexts: Readonly<Record<UnsafeReason, string>> = {
  missing: 'is missing',
  outside: 'leads outside its directory',
  hardlink: 'is hard-linked',
  not_a_file: 'is not a regular file',
  too_large: 'is too large',
  unreadable: 'cannot be read',
};

export interface ReadHookOptions {
  readonly root: HookRoot;
  /** Real path that all files must stay under: the hook's directory, or its pack's. */
  readonly boundaryDir: string;
  readonly lenientMetadata: boolean;
  /** What the directory holds; read here when absent. */
  readonly entries?: DirectoryEntries;
}

/** Names in a directory, and whether each is a plain file. */
export type DirectoryEntries = ReadonlyMap<string, boolean>;

/** One listing saves looking for every file that might be there. */
export async function readEntries(dir: string): Promise<DirectoryEntries> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return new Map(entries.map((entry) => [entry.name, entry.isFile()]));
}

export type ReadHookResult =
  | { readonly kind: 'hook'; readonly hook: DiscoveredHook }
  | { readonly kind: 'none' }
  | { readonly kind: 'problem'; readonly problem: DiscoveryProblem };

/** `none` when the directory holds no HOOK.md. */
export async function readHookDirectory(dir: string, options: ReadHookOptions): Promise<ReadHookResult> {
  const filePath = path.join(dir, 'HOOK.md');
  const entries = options.entries ?? (await readEntries(dir));
  if (!entries.has('HOOK.md')) return { kind: 'none' };
  const file = await openSafeFile(filePath, options.boundaryDir, {
    maxBytes: maxHookFileBytes,
    isPlain: entries.get('HOOK.md'),
  });
  if (!file.ok) {
    if (file.reason === 'missing') return { kind: 'none' };
    return problem(dir, `HOOK.md ${unsafeTexts[file.reason]}: HOOK.md path fails boundary checks in ${dir}`);
  }
  if (file.text.includes('\u0000')) return problem(dir, `HOOK.md in ${dir} is a binary file`);
  const frontmatter = parseFrontmatter(file.text);
  const parsed = parseHookMetadata(frontmatter);
  const name = frontmatter.fields.get('name')?.text.trim() || path.basename(dir);
  const handler = await findHandler(dir, options.boundaryDir, entries);
  if (handler === null) {
    return problem(dir, `Hook "${hideControlCharacters(name)}" has HOOK.md but no handler file in ${dir}`);
  }
  if ('unsafe' in handler) {
    const reason = unsafeTexts[handler.unsafe];
    return problem(
      dir,
      `Hook "${hideControlCharacters(name)}" in ${dir}: handler path fails boundary checks (${reason})`,
    );
  }
  const lints = [...parsed.lints, ...handler.lints];
  let events = parsed.metadata?.events ?? [];
  if (options.lenientMetadata && events.length === 0) events = readTopLevelEvents(frontmatter);
  lints.push(...lintEvents(events));
  const { root } = options;
  return {
    kind: 'hook',
    hook: {
      id: computeHookId(root, name, dir),
      name: hideControlCharacters(name),
      description: hideControlCharacters(frontmatter.fields.get('description')?.text ?? ''),
      rootKind: root.kind,
      agentId: root.agentId,
      pluginId: root.pluginId,
      filePath,
      baseDir: dir,
      handlerPath: handler.path,
      fallbackHandlerPath: handler.fallback,
      boundaryDir: options.boundaryDir,
      hookKey: parsed.metadata?.hookKey ?? name,
      metadata: parsed.metadata,
      permissions: parsed.permissions,
      events,
      invalid: parsed.invalid,
      lints,
      body: frontmatter.body,
      frontmatterEnabled: readBoolean(frontmatter.fields.get('enabled')?.text),
      fingerprint: `${file.mtimeMs}:${file.size}:${handler.fingerprint}`,
    },
  };
}

function problem(dir: string, message: string): ReadHookResult {
  return { kind: 'problem', problem: { path: dir, message } };
}

function computeHookId(root: HookRoot, name: string, dir: string): string {
  const scope = root.agentId === undefined ? root.kind : `${root.kind}@${root.agentId}`;
  return `${scope}:${name}:${dir}`;
}

function readBoolean(text: string | undefined): boolean | undefined {
  const value = text?.trim().toLowerCase();
  if (value === undefined) return undefined;
  if (['true', '1', 'yes', 'on'].includes(value)) return true;
  return ['false', '0', 'no', 'off'].includes(value) ? false : undefined;
}

interface FoundHandler {
  readonly path: string;
  readonly fallback?: string;
  readonly fingerprint: string;
  readonly lints: readonly HookLint[];
}

async function findHandler(
  dir: string,
  boundaryDir: string,
  entries: DirectoryEntries,
): Promise<FoundHandler | { unsafe: UnsafeReason } | null> {
  const check = (name: string) =>
    openSafeFile(path.join(dir, name), boundaryDir, {
      maxBytes: maxHandlerBytes,
      read: false,
      isPlain: entries.get(name),
    });
  for (const name of [...handlerNames, ...extraHandlerNames]) {
    if (!entries.has(name)) continue;
    const found = await check(name);
    if (!found.ok) {
      if (found.reason === 'missing') continue;
      return { unsafe: found.reason };
    }
    const isExtra = (extraHandlerNames as readonly string[]).includes(name);
    const message = `OpenClaw does not find handlers named ${name}; call it handler.js or handler.ts to run there too.`;
    const twin = name.endsWith('.ts') ? name.replace(/\.ts$/, '.js') : '';
    const hasTwin = entries.has(twin) && (await check(twin)).ok;
    return {
      path: path.join(dir, name),
      fallback: hasTwin ? path.join(dir, twin) : undefined,
      fingerprint: `${found.mtimeMs}:${found.size}`,
      lints: isExtra ? [{ code: 'handler_name', message }] : [],
    };
  }
  return null;
}

/** Unknown keys, names of plugin hooks, and keys that make the handler run twice. */
function lintEvents(events: readonly string[]): HookLint[] {
  const lints: HookLint[] = [];
  for (const key of events) {
    if (isKnownEventKey(key)) continue;
    const nearest = findNearestEventKey(key);
    const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
    const reason = isPluginHookName(key)
      ? 'typed plugin hook, never fired for directory hooks.'
      : 'nothing here fires this event.';
    lints.push({ code: 'unknown_event', message: `"${hideControlCharacters(key)}": ${reason}${hint}` });
  }
  for (const key of events) {
    const family = key.split(':')[0] ?? '';
    if (key === family || !events.includes(family) || !isFamilyKey(family)) continue;
    lints.push({
      code: 'double_registration',
      message: `"${family}" and "${key}" are both listed, so the handler runs twice.`,
    });
  }
  return lints;
}
