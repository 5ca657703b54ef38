/** The `metadata` value of a HOOK.md: which events a hook hears and what it needs. */
import JSON5 from 'json5';
import type { Frontmatter } from './hook-frontmatter.ts';
import { isPlainObject } from './json.ts';

export const hookNamespaces = ['openclaw', 'clawdbot', 'moltbot'] as const;
export type HookNamespace = (typeof hookNamespaces)[number];

export interface HookRequirements {
  readonly bins: readonly string[];
  readonly anyBins: readonly string[];
  readonly env: readonly string[];
  readonly config: readonly string[];
  readonly os: readonly string[];
}

export interface HookInstallSpec {
  readonly id?: string;
  readonly kind: 'bundled' | 'npm' | 'git';
  readonly label?: string;
  readonly bins?: readonly string[];
  readonly package?: string;
  readonly repository?: string;
}

/** What a sandboxed hook may reach; nothing else is possible for it. */
export interface HookPermissions {
  /** Roots that it may read: absolute, `~/…`, `<workspace>/…` or relative to the hook's directory. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** `host` or `host:port`. */
  readonly net: readonly string[];
  /** Names of environment variables. */
  readonly env: readonly string[];
}

export interface HookMetadata {
  readonly namespace: HookNamespace;
  readonly events: readonly string[];
  readonly exportName: string;
  readonly always: boolean;
  readonly emoji?: string;
  readonly homepage?: string;
  readonly hookKey?: string;
  readonly requirements: HookRequirements;
  readonly install: readonly HookInstallSpec[];
}

export interface HookLint {
  readonly code: string;
  readonly message: string;
}

export interface ParsedHookMetadata {
  readonly metadata?: HookMetadata;
  /** Present when the hook asked for the sandbox; independent of the namespace. */
  readonly permissions?: HookPermissions;
  /** Why the metadata cannot be used at all. */
  readonly invalid?: string;
  readonly lints: readonly HookLint[];
}

export const emptyRequirements: HookRequirements = { bins: [], anyBins: [], env: [], config: [], os: [] };

const maxEvents = 200;
const osAliases = new Map([
  ['macos', 'darwin'],
  ['windows', 'win32'],
]);

/** Array or comma-separated text to trimmed, non-empty texts; anything else is empty. */
export function normalizeList(value: unknown): string[] {
  const items = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [];
  return items
    .map((item) => (typeof item === 'string' ? item : String(item ?? '')).trim())
    .filter((item) => item !== '');
}

/** Reads the metadata out of a parsed block. Never throws. */
export function parseHookMetadata(frontmatter: Frontmatter): ParsedHookMetadata {
  const lints: HookLint[] = frontmatter.issues.map((issue) => ({ code: issue.code, message: issue.message }));
  if (frontmatter.issues.some((issue) => issue.code === 'unclosed_frontmatter')) {
    return { invalid: 'the front matter is never closed', lints };
  }
  const field = frontmatter.fields.get('metadata');
  lintTopLevel(frontmatter, lints);
  if (field === undefined) return { lints };
  const parsed = parseMetadataObject(field.text, field.raw, field.structured);
  if ('invalid' in parsed) return { invalid: parsed.invalid, lints };
  const permissions = readPermissions(parsed.value.tackle);
  const namespace = hookNamespaces.find((name) => isPlainObject(parsed.value[name]));
  if (namespace === undefined) {
    const keys = Object.keys(parsed.value).join(', ') || 'nothing';
    lints.push({
      code: 'wrong_namespace',
      message: `metadata holds ${keys}, but the hook's data must be under "openclaw".`,
    });
    return { permissions, lints };
  }
  const object = parsed.value[namespace] as Record<string, unknown>;
  return { metadata: readNamespace(namespace, object, frontmatter, lints), permissions, lints };
}

function lintTopLevel(frontmatter: Frontmatter, lints: HookLint[]): void {
  for (const key of ['events', 'event']) {
    if (!frontmatter.fields.has(key)) continue;
    const message = `"${key}" stands at the top level of HOOK.md; it is only read from metadata.openclaw.events.`;
    lints.push({ code: 'events_outside_metadata', message });
  }
}

/** Events that stand at the top level; used only in lenient mode. */
export function readTopLevelEvents(frontmatter: Frontmatter): string[] {
  const field = frontmatter.fields.get('events') ?? frontmatter.fields.get('event');
  return field === undefined ? [] : normalizeList(field.structured ?? field.text.replaceAll(/^\[|\]$/g, ''));
}

type ObjectResult = { value: Record<string, unknown> } | { invalid: string };

function parseMetadataObject(text: string, raw: string | undefined, structured: unknown): ObjectResult {
  const candidates = [text, raw, dropYamlComment(raw ?? text)].filter((item): item is string => item !== undefined);
  let firstObject: Record<string, unknown> | undefined;
  let failure: string | undefined;
  for (const candidate of new Set(candidates)) {
    try {
      const value: unknown = JSON5.parse(candidate);
      if (!isPlainObject(value)) continue;
      if (hookNamespaces.some((name) => isPlainObject(value[name]))) return { value };
      firstObject ??= value;
    } catch (error) {
      failure ??= describeJson5Error(error);
    }
  }
  if (isPlainObject(structured)) return { value: structured };
  if (firstObject !== undefined) return { value: firstObject };
  return { invalid: `metadata is not a JSON object${failure === undefined ? '' : ` (${failure})`}` };
}

function describeJson5Error(error: unknown): string {
  const position = error as { lineNumber?: number; columnNumber?: number };
  const message = error instanceof Error ? error.message.replace(/^JSON5: /, '') : String(error);
  return position.lineNumber === undefined
    ? message
    : `line ${position.lineNumber}, column ${position.columnNumber}: ${message}`;
}

/** A YAML comment is ` #…` outside quotes. */
function dropYamlComment(text: string): string {
  let quote = '';
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index] ?? '';
    if (quote !== '') {
      if (char === '\\') index += 1;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '#' && /\s/.test(text[index - 1] ?? '')) return text.slice(0, index).trim();
  }
  return text;
}

function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function readNamespace(
  namespace: HookNamespace,
  object: Record<string, unknown>,
  frontmatter: Frontmatter,
  lints: HookLint[],
): HookMetadata {
  const events = normalizeList(object.events);
  if (events.length > maxEvents) {
    lints.push({ code: 'many_events', message: `The hook lists ${events.length} events; that is hardly meant.` });
  }
  const frontText = (key: string) => readText(frontmatter.fields.get(key)?.text);
  const homepage = readText(object.homepage) ?? frontText('homepage') ?? frontText('website') ?? frontText('url');
  return {
    namespace,
    events,
    exportName: readText(object.export) ?? 'default',
    always: readAlways(object.always, lints),
    emoji: readText(object.emoji) ?? frontText('emoji'),
    homepage,
    hookKey: readText(object.hookKey),
    requirements: readRequirements(object, lints),
    install: readInstall(object.install),
  };
}

function readAlways(value: unknown, lints: HookLint[]): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    lints.push({ code: 'always_not_boolean', message: '"always" counts only as the boolean true, not as text.' });
  }
  return value === true;
}

function readRequirements(object: Record<string, unknown>, lints: HookLint[]): HookRequirements {
  const requires = isPlainObject(object.requires) ? object.requires : {};
  const outer = mapOs(normalizeList(object.os), lints);
  const inner = mapOs(normalizeList(requires.os), lints);
  if (inner.length > 0) {
    const message = '"os" stands beneath "requires"; OpenClaw ignores it there. Move it up beside "requires".';
    lints.push({ code: 'os_beneath_requires', message });
  }
  const both = outer.length > 0 && inner.length > 0;
  // An empty intersection must still exclude the hook everywhere, so it becomes a name no platform has.
  const intersection = outer.filter((name) => inner.includes(name));
  const os = both ? (intersection.length > 0 ? intersection : ['none']) : [...outer, ...inner];
  return {
    bins: normalizeList(requires.bins),
    anyBins: normalizeList(requires.anyBins),
    env: normalizeList(requires.env),
    config: normalizeList(requires.config),
    os,
  };
}

function mapOs(names: readonly string[], lints: HookLint[]): string[] {
  return names.map((name) => {
    const mapped = osAliases.get(name.toLowerCase());
    if (mapped === undefined) return name;
    lints.push({ code: 'os_alias', message: `"${name}" is not a platform name of Node; write "${mapped}".` });
    return mapped;
  });
}

function readInstall(value: unknown): HookInstallSpec[] {
  if (!Array.isArray(value)) return [];
  const specs: HookInstallSpec[] = [];
  for (const item of value) {
    if (!isPlainObject(item)) continue;
    const kind = (readText(item.kind) ?? readText(item.type) ?? '').toLowerCase();
    if (kind !== 'bundled' && kind !== 'npm' && kind !== 'git') continue;
    const bins = normalizeList(item.bins);
    specs.push({
      id: readText(item.id),
      kind,
      label: readText(item.label),
      bins: bins.length > 0 ? bins : undefined,
      package: readText(item.package),
      repository: readText(item.repository),
    });
  }
  return specs;
}

function readPermissions(value: unknown): HookPermissions | undefined {
  if (!isPlainObject(value) || !isPlainObject(value.permissions)) return undefined;
  const { read, write, net, hosts, env } = value.permissions;
  return {
    read: normalizeList(read),
    write: normalizeList(write),
    net: normalizeList(net ?? hosts),
    env: normalizeList(env),
  };
}
