/** Finds the transcript of the session that ended, wherever a reset has moved it, and reads its last messages. */
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { isPlainObject } from '../../../core/json.ts';

export interface TranscriptRequest {
  readonly sessionId?: string;
  readonly sessionFile?: string;
  readonly workspaceDir: string;
  /** How many messages to keep, after filtering. */
  readonly limit: number;
}

const maxBytes = 8 * 1024 * 1024;

/** Lines `role: text`, oldest first; empty when no transcript holds a usable message. */
export async function readTranscript(request: TranscriptRequest): Promise<string[]> {
  for (const file of await listCandidates(request)) {
    const lines = await readMessages(file, request.limit);
    if (lines.length > 0) return lines;
    const rotated = await findNewest(path.dirname(file), (name) => name.startsWith(`${path.basename(file)}.reset.`));
    const rotatedLines = rotated === undefined ? [] : await readMessages(rotated, request.limit);
    if (rotatedLines.length > 0) return rotatedLines;
  }
  return [];
}

/** Most certain first: the named file, then what belongs to the session's id, then the newest file of the directory. */
async function listCandidates({ sessionFile, sessionId, workspaceDir }: TranscriptRequest): Promise<string[]> {
  const candidates: string[] = [];
  const dirs = sessionFile === undefined ? [] : [path.dirname(sessionFile)];
  dirs.push(path.join(workspaceDir, 'sessions'));
  const name = sessionFile === undefined ? undefined : path.basename(sessionFile);
  const isRotated = name?.includes('.reset.') ?? false;
  if (sessionFile !== undefined && !isRotated) candidates.push(sessionFile);
  for (const dir of dirs) {
    if (name !== undefined) candidates.push(path.join(dir, name.replace(/\.reset\..*$/, '')));
    if (isSafeId(sessionId)) {
      candidates.push(path.join(dir, `${sessionId}.jsonl`));
      const topic = await findNewest(dir, (file) => file.startsWith(`${sessionId}-topic-`) && file.endsWith('.jsonl'));
      if (topic !== undefined) candidates.push(topic);
    }
  }
  if (sessionFile !== undefined && isRotated) candidates.push(sessionFile);
  if (sessionFile !== undefined) {
    for (const dir of dirs) {
      const newest = await findNewest(dir, (file) => file.endsWith('.jsonl') && !file.includes('.reset.'));
      if (newest !== undefined) candidates.push(newest);
    }
  }
  return [...new Set(candidates)];
}

/** An id becomes part of a file name; one with a separator is not an id. */
function isSafeId(sessionId: string | undefined): sessionId is string {
  return sessionId !== undefined && !/[\\/\u0000]/.test(sessionId) && sessionId !== '..';
}

/** Last by name, because rotated and topic files carry their time in it. */
async function findNewest(dir: string, matches: (name: string) => boolean): Promise<string | undefined> {
  const names = await readdir(dir).catch(() => []);
  const newest = names.filter(matches).sort().at(-1);
  return newest === undefined ? undefined : path.join(dir, newest);
}

async function readTail(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) return '';
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return '';
    const length = Math.min(stat.size, maxBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, stat.size - length);
    const text = buffer.subarray(0, bytesRead).toString('utf8');
    // A cut through the middle of a line leaves a piece that is no JSON.
    return length < stat.size ? text.slice(text.indexOf('\n') + 1) : text;
  } catch {
    return '';
  } finally {
    await handle.close();
  }
}

/** Filters first and cuts then, so that tool output does not push the conversation out. */
async function readMessages(file: string, limit: number): Promise<string[]> {
  const lines: string[] = [];
  for (const line of (await readTail(file)).split('\n')) {
    const rendered = renderMessage(line);
    if (rendered !== null) lines.push(rendered);
  }
  return lines.slice(-limit);
}

function renderMessage(line: string): string | null {
  if (line.trim() === '') return null;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isPlainObject(entry) || entry.type !== 'message' || !isPlainObject(entry.message)) return null;
  const { role, content, provenance } = entry.message;
  if (role !== 'user' && role !== 'assistant') return null;
  if (role === 'user' && isPlainObject(provenance) && provenance.kind === 'inter_session') return null;
  const text = readText(content);
  return text === null || text.startsWith('/') ? null : `${role}: ${text}`;
}

function readText(content: unknown): string | null {
  if (typeof content === 'string') return content.trim() === '' ? null : content;
  if (!Array.isArray(content)) return null;
  const block: unknown = content.find(
    (item) => isPlainObject(item) && item.type === 'text' && typeof item.text === 'string',
  );
  const text = isPlainObject(block) ? String(block.text) : '';
  return text.trim() === '' ? null : text;
}
