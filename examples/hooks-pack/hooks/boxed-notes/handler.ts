import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HookHandler } from 'openclaw/hooks';

const handler: HookHandler = (event) => {
  const dir = path.join(event.context.workspaceDir, 'notes');
  const file = path.join(dir, 'count.txt');
  mkdirSync(dir, { recursive: true });
  let count = 0;
  try {
    count = Number(readFileSync(file, 'utf8'));
  } catch {
    // The first session of all.
  }
  writeFileSync(file, String(count + 1));
  event.messages.push(`This is session number ${count + 1}.`);
};

export default handler;
