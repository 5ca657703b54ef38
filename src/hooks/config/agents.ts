/** Agents and their workspaces, read from the configuration object. Pure. */
import path from 'node:path';
import { isPlainObject } from '../../core/json.ts';
import { expandHome, type StatePlaces } from './state-dir.ts';

export interface AgentPlace {
  readonly agentId: string;
  readonly workspaceDir: string;
  readonly isDefault: boolean;
}

function readAgentsBlock(config: unknown): { list: Record<string, unknown>[]; defaults: Record<string, unknown> } {
  const agents = isPlainObject(config) && isPlainObject(config.agents) ? config.agents : {};
  return {
    list: Array.isArray(agents.list) ? agents.list.filter(isPlainObject) : [],
    defaults: isPlainObject(agents.defaults) ? agents.defaults : {},
  };
}

function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** Every configured agent, the default one first. Without a list there is one agent, `main`. */
export function listAgentPlaces(
  config: unknown,
  places: StatePlaces,
  env: Readonly<Record<string, string | undefined>>,
): readonly AgentPlace[] {
  const { list, defaults } = readAgentsBlock(config);
  const agents = list.length > 0 ? list : [{ id: 'main' }];
  const chosen = agents.find((agent) => agent.default === true) ?? agents[0];
  const profile = env.OPENCLAW_PROFILE?.trim();
  const fallbackName = profile && profile !== 'default' ? `workspace-${profile}` : 'workspace';
  // OpenClaw keeps the default workspace in ~/.openclaw even when its state directory is elsewhere; a home of ours
  // keeps its own.
  const isOwnHome = places.stateDir === places.tackleHome;
  const workspaceBase = isOwnHome ? places.stateDir : path.join(places.homeDir, '.openclaw');
  const result = agents.map((agent): AgentPlace => {
    const agentId = (readText(agent.id) ?? 'main').toLowerCase();
    const isDefault = agent === chosen;
    const own = readText(agent.workspace) ?? (isDefault ? readText(defaults.workspace) : undefined);
    const fallback = isDefault
      ? path.join(workspaceBase, fallbackName)
      : path.join(places.stateDir, `workspace-${agentId}`);
    return { agentId, isDefault, workspaceDir: path.resolve(expandHome(own ?? fallback, places.homeDir)) };
  });
  return result.sort((a, b) => Number(b.isDefault) - Number(a.isDefault));
}
