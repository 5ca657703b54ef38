/** Runs every agent once with its BOOT.md after the gateway has started. The run itself is the host's. */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { HookEvent } from '../../../core/hook-event.ts';
import type { AgentPlace } from '../../config/agents.ts';
import { callHost } from '../../host/host-bridge.ts';
import { createSkip, isCurrentProfile, listAgents } from '../bundled-tools.ts';

const maxBootBytes = 16 * 1024 * 1024;

export default async function runBootFiles(event: HookEvent): Promise<void> {
  if (event.type !== 'gateway' || event.action !== 'startup' || event.context.cfg === undefined) return;
  const isCurrent = isCurrentProfile(event);
  const agents = listAgents(event.context.cfg);
  const jobs: { agent: AgentPlace; text: string }[] = [];
  const seen = new Set<string>();
  for (const agent of agents) {
    if (isCurrent && seen.has(agent.workspaceDir)) continue;
    seen.add(agent.workspaceDir);
    const text = await readBootFile(agent);
    if (text !== null) jobs.push({ agent, text });
  }
  if (jobs.length === 0) return;
  if ((await callHost('supports', 'runAgent')) !== true) throw createSkip('no agent runner');
  for (const { agent, text } of jobs) {
    try {
      await callHost('runAgent', createRequest(agent, text, event.timestamp, isCurrent));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      console.warn(`[boot-md] BOOT.md of agent ${agent.agentId} (${agent.workspaceDir}) failed: ${message}`);
    }
  }
}

async function readBootFile(agent: AgentPlace): Promise<string | null> {
  const file = path.join(agent.workspaceDir, 'BOOT.md');
  try {
    const { size } = await stat(file);
    if (size > maxBootBytes) {
      console.warn(`[boot-md] ${file} is larger than 16 MiB and is skipped.`);
      return null;
    }
    const text = await readFile(file, 'utf8');
    if (text.trim() !== '') return text;
    console.debug(`[boot-md] ${file} is empty; agent ${agent.agentId} is skipped.`);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isMissing) console.debug(`[boot-md] no BOOT.md for agent ${agent.agentId}; skipped.`);
    else console.warn(`[boot-md] ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return null;
}

function createRequest(agent: AgentPlace, text: string, at: Date, isCurrent: boolean) {
  const stamp = at.toISOString().replace('T', '_').replaceAll(':', '-').replace('.', '-').replace('Z', '');
  const sessionId = `boot-${stamp}-${randomBytes(4).toString('hex')}`;
  const prompt = [
    'The gateway has just started, and this is the boot check of your workspace.',
    'Do exactly what BOOT.md says:',
    '',
    text.trim(),
    '',
    'To send anything outside, use the message tool and name the target explicitly.',
    'When nothing is left to do, answer only with NO_REPLY.',
  ].join('\n');
  return {
    agentId: agent.agentId,
    workspaceDir: agent.workspaceDir,
    prompt,
    sessionKey: isCurrent ? `agent:${agent.agentId}:boot:${sessionId}` : `agent:${agent.agentId}:main`,
    sessionId,
    deliver: false,
  };
}
