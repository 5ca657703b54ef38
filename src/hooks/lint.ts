/** Looks at a hook's text for mistakes that no error message would ever name. Nothing is run. */
import { readFile } from 'node:fs/promises';
import type { HookLint } from '../core/hook-metadata.ts';
import type { DiscoveredHook } from './discovery/discovered-hook.ts';

/** Compactions deliver where the producer brings a way to; the bundled notifier lives from that. */
const deliveringKeys = [
  'command',
  'command:new',
  'command:reset',
  'session',
  'session:compact:before',
  'session:compact:after',
];

/** Findings of the scan, of HOOK.md and of the handler's source. */
export async function lintHook(hook: DiscoveredHook): Promise<readonly HookLint[]> {
  const lints: HookLint[] = [...hook.lints];
  if (hook.invalid !== undefined)
    lints.push({ code: 'invalid_metadata', message: `HOOK.md cannot be used: ${hook.invalid}.` });
  else if (hook.events.length === 0) lints.push({ code: 'no_events', message: explainNoEvents(hook) });
  const source = await readFile(hook.handlerPath, 'utf8').catch(() => null);
  if (source !== null) lints.push(...lintSource(source, hook));
  return lints;
}

function explainNoEvents({ metadata }: DiscoveredHook): string {
  if (metadata === undefined)
    return 'HOOK.md says nothing under metadata.openclaw, so the hook never runs; it needs at least {"openclaw": {"events": ["command:new"]}}.';
  return 'metadata.openclaw.events is no list of events, or an empty one, so the hook never runs.';
}

/** Comments talk about code without being it. */
function dropComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|[^:'"`\\])\/\/.*$/gm, '$1');
}

export function lintSource(source: string, hook: Pick<DiscoveredHook, 'events' | 'metadata'>): HookLint[] {
  const code = dropComments(source);
  const lints: HookLint[] = [];
  const add = (lint: string, message: string) => lints.push({ code: lint, message });
  const typed = /\.type\s*(?:[!=]==?)\s*['"`]((?:command|session|agent|gateway|message):[\w:-]+)['"`]/.exec(code);
  if (typed !== null)
    add(
      'type_compared_with_key',
      `event.type is compared with "${typed[1]}", but it holds only the part before the colon.`,
    );
  const probed = /\bevent\.(content|text|body)\b/.exec(code);
  if (probed !== null)
    add('unset_member', `event.${probed[1]} is never set; the text of a message is event.context.content.`);
  const delivers = hook.events.length === 0 || hook.events.some((key) => deliveringKeys.includes(key));
  if (/\.messages\.push\(/.test(code) && !delivers) {
    add(
      'messages_dropped',
      'Texts are pushed to event.messages, but none of the listed events delivers them (command:new and command:reset do, and session:compact:* where a chat takes notices).',
    );
  }
  if (/\bfilePath\s*:/.test(code) && hook.events.some((key) => key === 'agent' || key === 'agent:bootstrap')) {
    add('bootstrap_file_path', 'A bootstrap entry needs "path"; an entry with "filePath" is dropped.');
  }
  lintFamilies(code, hook.events, add);
  lintGuards(code, hook.events, add);
  lintExports(code, hook.metadata?.exportName ?? 'default', add);
  return lints;
}

/** A family key makes the handler run for every action, although it may want only one. */
function lintFamilies(code: string, events: readonly string[], add: (lint: string, message: string) => void): void {
  const actions = new Set(
    [...code.matchAll(/\.action\s*[!=]==?\s*['"`]([\w:-]+)['"`]/g)].map((match) => match[1] ?? ''),
  );
  const [action] = actions;
  if (actions.size !== 1 || action === undefined) return;
  for (const family of events.filter((key) => !key.includes(':'))) {
    add(
      'family_for_one_action',
      `"${family}" is listed, but the handler only looks for the action "${action}"; list "${family}:${action}".`,
    );
  }
}

const guardPattern =
  /\.type\s*[!=]==?\s*['"`](\w+)['"`]\s*(?:&&|\|\|)\s*[\w.?]+\.action\s*[!=]==?\s*['"`]([\w:-]+)['"`]/g;

/** A handler that asks for type and action together and never for a listed event returns at once, always. */
function lintGuards(code: string, events: readonly string[], add: (lint: string, message: string) => void): void {
  const wanted = [...new Set([...code.matchAll(guardPattern)].map((match) => `${match[1]}:${match[2]}`))];
  const isListed = (key: string) => events.includes(key) || events.includes(key.slice(0, key.indexOf(':')));
  if (wanted.length === 0 || events.length === 0 || wanted.some(isListed)) return;
  add('event_not_listed', `The handler looks for ${wanted.join(', ')}, but HOOK.md lists ${events.join(', ')}.`);
}

function lintExports(code: string, exportName: string, add: (lint: string, message: string) => void): void {
  const hasAny = /\bexport\b|\bmodule\.exports\b|\bexports\./.test(code);
  if (!hasAny) add('no_export', 'The handler exports nothing; it must export a function.');
  else if (
    exportName === 'default' &&
    !/\bexport\s+default\b|\bas\s+default\b|\bmodule\.exports\b|\bexports\.default\b|\bexport\s*[*=]/.test(code)
  ) {
    const named = /\bexport\s+(?:async\s+)?(?:function|const|let)\s+(\w+)/.exec(code)?.[1];
    const hint = named === undefined ? '' : ` Set metadata.openclaw.export to "${named}", or export it as default.`;
    add('no_default_export', `The handler has no default export.${hint}`);
  }
}
