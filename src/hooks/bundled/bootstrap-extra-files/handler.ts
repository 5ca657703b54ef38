/** Appends further bootstrap files of the workspace to the list that becomes part of the prompt. Writes nothing. */
import { glob, realpath } from 'node:fs/promises';
import path from 'node:path';
import { type HookEvent, parseSessionKey } from '../../../core/hook-event.ts';
import { getHookEntry } from '../../config/hook-config.ts';
import { isInside, openSafeFile } from '../../discovery/safe-file.ts';
import { findWorkspace, isCurrentProfile, readOwnEntry } from '../bundled-tools.ts';

export interface BootstrapFile {
  readonly name: string;
  readonly path: string;
  readonly content?: string;
  readonly missing: boolean;
}

type SkipReason = 'invalid-bootstrap-filename' | 'missing' | 'security' | 'io';

const maxFileBytes = 2 * 1024 * 1024;
const maxMatches = 500;
const seedNames = [
  'AGENTS.md',
  'SOUL.md',
  'TOOLS.md',
  'IDENTITY.md',
  'USER.md',
  'HEARTBEAT.md',
  'BOOTSTRAP.md',
  'MEMORY.md',
  'memory.md',
];
const currentNames = ['AGENTS.md', 'SOUL.md', 'IDENTITY.md', 'USER.md', 'BOOTSTRAP.md', 'MEMORY.md'];
const cronNames = ['AGENTS.md', 'TOOLS.md', 'SOUL.md', 'IDENTITY.md', 'USER.md'];

export default async function addExtraFiles(event: HookEvent): Promise<void> {
  if (event.type !== 'agent' || event.action !== 'bootstrap' || !Array.isArray(event.context.bootstrapFiles)) return;
  const entry = getHookEntry(event.context.cfg, 'bootstrap-extra-files');
  if (entry === undefined || entry.enabled === false) return;
  try {
    const patterns = readPatterns(readOwnEntry(event, 'bootstrap-extra-files'));
    if (patterns.length === 0) return;
    const isCurrent = isCurrentProfile(event);
    const extras = await loadFiles(findWorkspace(event), patterns, isCurrent ? currentNames : seedNames);
    if (extras.length === 0) return;
    const combined = [...(event.context.bootstrapFiles as BootstrapFile[]), ...extras];
    event.context.bootstrapFiles = filterForSession(combined, event.sessionKey, isCurrent);
  } catch (error) {
    console.warn(
      `[bootstrap-extra-files] The files could not be added: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The first list that is not empty; the three are not merged. */
function readPatterns(entry: Readonly<Record<string, unknown>>): string[] {
  for (const key of ['paths', 'patterns', 'files']) {
    const value = entry[key];
    const list = Array.isArray(value) ? value.filter((item) => typeof item === 'string' && item.trim() !== '') : [];
    if (list.length > 0) return list.map((item: string) => item.trim());
  }
  return [];
}

async function loadFiles(
  workspaceDir: string,
  patterns: readonly string[],
  allowed: readonly string[],
): Promise<BootstrapFile[]> {
  const root = await realpath(workspaceDir);
  const files = new Set<string>();
  for (const pattern of patterns) {
    for (const file of await expandPattern(pattern, workspaceDir)) files.add(file);
  }
  const result: BootstrapFile[] = [];
  for (const file of files) {
    const loaded = await loadFile(file, workspaceDir, root, allowed);
    if ('reason' in loaded) console.warn(`[bootstrap-extra-files] ${file} is skipped: ${loaded.reason}`);
    else result.push(loaded);
  }
  return result;
}

async function expandPattern(pattern: string, workspaceDir: string): Promise<string[]> {
  if (!/[*?{]/.test(pattern)) return [path.resolve(workspaceDir, pattern)];
  const found: string[] = [];
  for await (const match of glob(pattern, {
    cwd: workspaceDir,
    exclude: (name) => name === 'node_modules' || name === '.git',
  })) {
    found.push(path.resolve(workspaceDir, match));
    if (found.length >= maxMatches) break;
  }
  return found.sort();
}

async function loadFile(
  file: string,
  workspaceDir: string,
  root: string,
  allowed: readonly string[],
): Promise<BootstrapFile | { reason: SkipReason }> {
  const name = path.basename(file);
  if (!allowed.includes(name)) return { reason: 'invalid-bootstrap-filename' };
  if (!isInside(path.resolve(workspaceDir), file)) return { reason: 'security' };
  const loaded = await openSafeFile(file, root, { maxBytes: maxFileBytes });
  if (loaded.ok) return { name, path: file, content: loaded.text, missing: false };
  if (loaded.reason === 'missing') return { reason: 'missing' };
  return { reason: loaded.reason === 'outside' || loaded.reason === 'hardlink' ? 'security' : 'io' };
}

/** Subagents and cron runs see only some of the files, whoever added them. */
function filterForSession(files: readonly BootstrapFile[], sessionKey: string, isCurrent: boolean): BootstrapFile[] {
  const session = parseSessionKey(sessionKey);
  const subagentNames = isCurrent ? ['AGENTS.md'] : ['AGENTS.md', 'TOOLS.md'];
  const allowed = session?.isSubagent ? subagentNames : session?.isCron ? cronNames : null;
  return allowed === null ? [...files] : files.filter((file) => allowed.includes(file.name));
}
