/** The typed hooks of plugins, called in the plugins' own threads. */
import type { ToolResultPersistEvent } from '../engine-types.ts';
import type { HookLogger } from '../logging/logger.ts';
import type { PluginUnit } from './plugin-unit.ts';

const persistDeadlineMs = 2_000;
const compactionDeadlineMs = 30_000;

function listHearers(plugins: readonly PluginUnit[], name: string): PluginUnit[] {
  return plugins
    .filter((unit) => unit.loadError === undefined && unit.typed.has(name))
    .sort((a, b) => (b.typed.get(name) ?? 0) - (a.typed.get(name) ?? 0));
}

/** Passes the message through every plugin, highest priority first; a plugin that fails leaves it unchanged. */
export async function applyToolResultPersist(
  plugins: readonly PluginUnit[],
  event: ToolResultPersistEvent,
  ctx: Readonly<Record<string, unknown>>,
  logger: HookLogger,
): Promise<unknown> {
  let message = event.message;
  for (const unit of listHearers(plugins, 'tool_result_persist')) {
    try {
      message =
        (await unit.runner.callTyped('tool_result_persist', { ...event, message }, ctx, persistDeadlineMs)) ?? message;
    } catch (error) {
      logger.error('hooks', `tool_result_persist of plugin ${unit.spec.pluginId} failed: ${String(error)}`);
    }
  }
  return message;
}

/** Runs all plugins' handlers at the same time; results do not matter, errors are logged. */
export async function notifyCompaction(
  plugins: readonly PluginUnit[],
  name: 'before_compaction' | 'after_compaction',
  event: Readonly<Record<string, unknown>>,
  ctx: Readonly<Record<string, unknown>>,
  logger: HookLogger,
): Promise<void> {
  await Promise.all(
    listHearers(plugins, name).map((unit) =>
      unit.runner.callTyped(name, event, ctx, compactionDeadlineMs).catch((error: unknown) => {
        logger.error('hooks', `${name} of plugin ${unit.spec.pluginId} failed: ${String(error)}`);
      }),
    ),
  );
}
