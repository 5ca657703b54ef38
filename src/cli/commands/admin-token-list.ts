import type { Command } from 'commander';
import type { AdminTokenInfo } from '../api-types.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addGatewayOptions, type GatewayOptions } from '../options.ts';
import { formatTime } from '../output.ts';

export function configure(command: Command, cli: Cli): void {
  addGatewayOptions(command).action(async (options: GatewayOptions) => {
    const api = connect(options, cli);
    const { adminTokens } = await api.get<{ adminTokens: readonly AdminTokenInfo[] }>('/admin-tokens');
    if (options.json) return cli.output.json(adminTokens);
    const rows = adminTokens.map(({ id, scope, description, createdAt, expiresAt, lastUsedAt }) => [
      id,
      formatScope(scope),
      formatTime(createdAt),
      formatTime(expiresAt),
      formatTime(lastUsedAt),
      description,
    ]);
    cli.output.table(['Id', 'Scope', 'Created', 'Expires', 'Last used', 'Description'], rows);
  });
}

export function formatScope(scope: unknown): string {
  if (typeof scope === 'string') return scope;
  const { kind, project, projectId } = (scope ?? {}) as Record<string, unknown>;
  return kind === 'home' ? 'home' : String(project ?? projectId ?? kind ?? '');
}
