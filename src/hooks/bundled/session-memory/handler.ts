/** Writes the end of a conversation to the workspace's memory when the session changes. Never overwrites a file. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { type HookEvent, parseSessionKey } from '../../../core/hook-event.ts';
import { isPlainObject } from '../../../core/json.ts';
import { isInside } from '../../discovery/safe-file.ts';
import { findWorkspace, isCurrentProfile, listAgents, readOwnEntry } from '../bundled-tools.ts';
import { createSlug } from './slug.ts';
import { readTranscript } from './transcript.ts';

const defaultMessages = 15;
const maxNameTries = 1_000;
const triggers: ReadonlySet<string> = new Set(['command:new', 'command:reset', 'session:auto-reset']);

export default async function saveSession(event: HookEvent): Promise<void> {
  if (!triggers.has(`${event.type}:${event.action}`)) return;
  try {
    const file = await writeMemory(event);
    console.log(`[session-memory] saved ${file}`);
  } catch (error) {
    console.error(
      `[session-memory] The session could not be saved: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function writeMemory(event: HookEvent): Promise<string> {
  const entry = readOwnEntry(event, 'session-memory');
  const session = readSession(event);
  const workspaceDir = findWorkspace(event);
  const limit = typeof entry.messages === 'number' && entry.messages > 0 ? Math.floor(entry.messages) : defaultMessages;
  const lines = await readTranscript({ ...session, workspaceDir, limit });
  const wantsModel = entry.llmSlug === undefined ? !isCurrentProfile(event) : entry.llmSlug !== false;
  const slug = await createSlug({
    text: lines.join('\n'),
    agentId: parseSessionKey(event.sessionKey)?.agentId ?? 'main',
    at: event.timestamp,
    useModel: wantsModel && event.context.cfg !== undefined && lines.length > 0,
  });
  const day = event.timestamp.toISOString().slice(0, 10);
  return createFile(workspaceDir, `${day}-${slug}`, renderMemory(event, session.sessionId, workspaceDir, lines));
}

function readSession(event: HookEvent): { sessionId?: string; sessionFile?: string } {
  const { previousSessionEntry, sessionEntry } = event.context;
  const entry = isPlainObject(previousSessionEntry)
    ? previousSessionEntry
    : isPlainObject(sessionEntry)
      ? sessionEntry
      : {};
  return {
    sessionId: typeof entry.sessionId === 'string' && entry.sessionId !== '' ? entry.sessionId : undefined,
    sessionFile:
      typeof entry.sessionFile === 'string' && entry.sessionFile.trim() !== '' ? entry.sessionFile : undefined,
  };
}

function renderMemory(
  event: HookEvent,
  sessionId: string | undefined,
  workspaceDir: string,
  lines: readonly string[],
): string {
  const [day, time] = event.timestamp.toISOString().split('T');
  const { commandSource, reason } = event.context;
  const parts = [
    `# Session: ${day} ${(time ?? '').slice(0, 8)} UTC`,
    '',
    `- **Session Key**: ${labelSessionKey(event, workspaceDir)}`,
    `- **Session ID**: ${sessionId ?? 'unknown'}`,
    `- **Source**: ${typeof commandSource === 'string' && commandSource !== '' ? commandSource : 'unknown'}`,
  ];
  if (event.action === 'auto-reset') parts.push(`- **Reason**: ${String(reason ?? 'unknown')}`);
  parts.push('');
  if (lines.length > 0) parts.push('## Conversation Summary', '', ...lines, '');
  return parts.join('\n');
}

/** Names the agent whose workspace holds the memory, when the key names another one. */
function labelSessionKey(event: HookEvent, workspaceDir: string): string {
  const session = parseSessionKey(event.sessionKey);
  if (session === null) return event.sessionKey;
  const owner = listAgents(event.context.cfg).find((agent) => agent.workspaceDir === path.resolve(workspaceDir));
  return owner === undefined || owner.agentId === session.agentId
    ? event.sessionKey
    : `agent:${owner.agentId}:${session.rest}`;
}

/** Writes beside the target and links it into place: complete or absent, and never over another file. */
async function createFile(workspaceDir: string, name: string, text: string): Promise<string> {
  const memoryDir = path.join(workspaceDir, 'memory');
  await mkdir(memoryDir, { recursive: true });
  if (!isInside(await realpath(workspaceDir), await realpath(memoryDir)))
    throw new Error(`${memoryDir} leads outside the workspace`);
  const temporary = path.join(memoryDir, `.${name}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    await handle.writeFile(text).finally(() => handle.close());
    for (let number = 1; number <= maxNameTries; number += 1) {
      const file = path.join(memoryDir, number === 1 ? `${name}.md` : `${name}-${number}.md`);
      try {
        await link(temporary, file);
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    throw new Error(`too many files are called ${name}`);
  } finally {
    await rm(temporary, { force: true });
  }
}
