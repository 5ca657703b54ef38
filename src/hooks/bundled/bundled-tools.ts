/** What several bundled hooks need: their own entry, the state directory, the agents. Runs in a hook's thread. */
import { existsSync } from 'node:fs';
import os from 'node:os';
import type { HookEvent } from '../../core/hook-event.ts';
import { parseSessionKey } from '../../core/hook-event.ts';
import { isPlainObject } from '../../core/json.ts';
import { type AgentPlace, listAgentPlaces } from '../config/agents.ts';
import { getHookEntry, getInternalBlock } from '../config/hook-config.ts';
import { resolveStatePlaces, type StatePlaces } from '../config/state-dir.ts';
import { skippedErrorName } from '../dispatch/skipped.ts';

export function readStatePlaces(): StatePlaces {
  return resolveStatePlaces({ env: process.env, osHomeDir: process.env.HOME ?? os.homedir(), exists: existsSync });
}

export function readStateDir(): string {
  return readStatePlaces().stateDir;
}

/** `hooks.internal.entries[name]` of the event's configuration; an empty object when there is none. */
export function readOwnEntry(event: HookEvent, name: string): Record<string, unknown> {
  return getHookEntry(event.context.cfg, name) ?? {};
}

export function isCurrentProfile(event: HookEvent): boolean {
  const { tackle } = getInternalBlock(event.context.cfg);
  return isPlainObject(tackle) && tackle.profile === 'current';
}

export function listAgents(cfg: unknown): readonly AgentPlace[] {
  return listAgentPlaces(cfg, readStatePlaces(), process.env);
}

/** The workspace that an event concerns: as the producer says, else the agent's own. */
export function findWorkspace(event: HookEvent): string {
  const { workspaceDir, cfg } = event.context;
  if (typeof workspaceDir === 'string' && workspaceDir.trim() !== '') return workspaceDir;
  const agents = listAgents(cfg);
  const agentId = parseSessionKey(event.sessionKey)?.agentId;
  const found = agents.find((agent) => agent.agentId === agentId) ?? agents[0];
  return found?.workspaceDir ?? '';
}

/** Ends the run as "skipped" with a reason, instead of ok or failed. */
export function createSkip(reason: string): Error {
  return Object.assign(new Error(reason), { name: skippedErrorName });
}
