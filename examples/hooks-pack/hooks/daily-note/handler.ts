import { appendFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { HookHandler } from 'openclaw/hooks';

const handler: HookHandler = async (event) => {
  if (event.type !== 'command' || event.action !== 'new') return;
  const dir = path.join(event.context.workspaceDir, 'notes');
  await mkdir(dir, { recursive: true });
  const [day, time] = event.timestamp.toISOString().split('T');
  await appendFile(path.join(dir, `${day}.md`), `- ${time?.slice(0, 5)} new session (${event.sessionKey})\n`);
};

export default handler;
