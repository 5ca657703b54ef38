/** Appends one JSON line per command; each line is one write, so that several processes can share the file. */
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import type { HookEvent } from '../../../core/hook-event.ts';
import { readOwnEntry, readStateDir } from '../bundled-tools.ts';

export default async function logCommand(event: HookEvent): Promise<void> {
  if (event.type !== 'command') return;
  try {
    const file = path.join(readStateDir(), 'logs', 'commands.log');
    await mkdir(path.dirname(file), { recursive: true });
    await rotate(file, readOwnEntry(event, 'command-logger').maxBytes);
    const { senderId, commandSource } = event.context;
    const line = {
      timestamp: event.timestamp.toISOString(),
      action: event.action,
      sessionKey: event.sessionKey,
      senderId: senderId ?? 'unknown',
      source: commandSource ?? 'unknown',
    };
    await appendFile(file, `${JSON.stringify(line)}\n`);
  } catch (error) {
    console.error(
      `[command-logger] The command could not be logged: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function rotate(file: string, maxBytes: unknown): Promise<void> {
  if (typeof maxBytes !== 'number' || maxBytes <= 0) return;
  const found = await stat(file).catch(() => null);
  if (found !== null && found.size >= maxBytes) await rename(file, `${file}.1`);
}
