/**
 * HOOK.md: a YAML block between `---` lines, then Markdown.
 * Two parsers read the block and their results are merged, because hooks in the wild depend on the quirks of both
 * (OpenClaw's documented reading, with the fixes that its users asked for).
 */
import { parseDocument } from 'yaml';

export interface FrontmatterIssue {
  readonly code: 'unclosed_frontmatter' | 'yaml_invalid' | 'duplicate_key' | 'tab_indentation';
  readonly message: string;
}

export interface FrontmatterField {
  /** Text form: what the original hands on. */
  readonly text: string;
  /** The raw text of the line parser, when it saw the key. */
  readonly raw?: string;
  /** The YAML value, when it is a map or a list. */
  readonly structured?: unknown;
}

export interface Frontmatter {
  readonly fields: ReadonlyMap<string, FrontmatterField>;
  readonly body: string;
  readonly issues: readonly FrontmatterIssue[];
  /** False when the text does not start with a fence or the block is never closed. */
  readonly found: boolean;
}

const fence = /^---[ \t]*$/;

/** Never throws: whatever cannot be read becomes an issue. */
export function parseFrontmatter(input: string): Frontmatter {
  const text = input.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n');
  const lines = text.split('\n');
  if (!fence.test(lines[0] ?? '')) return { fields: new Map(), body: text, issues: [], found: false };
  const end = lines.findIndex((line, index) => index > 0 && fence.test(line));
  if (end === -1) {
    const message = 'The front matter starts with --- but is never closed; add a line --- after it.';
    return { fields: new Map(), body: text, issues: [{ code: 'unclosed_frontmatter', message }], found: false };
  }
  const block = lines.slice(1, end);
  const issues: FrontmatterIssue[] = [];
  const byLine = parseLines(block, issues);
  const byYaml = parseYaml(block.join('\n'), issues);
  if (byYaml === null && block.some((line) => /^ *\t/.test(line))) {
    issues.push({ code: 'tab_indentation', message: 'YAML does not allow tabs as indentation; use spaces.' });
  }
  return {
    fields: mergeFields(byLine, byYaml),
    body: lines
      .slice(end + 1)
      .join('\n')
      .trim(),
    issues,
    found: true,
  };
}

interface LineField {
  readonly text: string;
  readonly inline: boolean;
}

function parseLines(lines: readonly string[], issues: FrontmatterIssue[]): Map<string, LineField> {
  const fields = new Map<string, LineField>();
  for (let index = 0; index < lines.length; index += 1) {
    const match = /^([\w-]+):[ \t]*(.*)$/.exec(lines[index] ?? '');
    if (match === null) continue;
    const key = match[1] ?? '';
    if (fields.has(key)) {
      issues.push({ code: 'duplicate_key', message: `The key "${key}" appears twice; the last one is used.` });
    }
    const inline = (match[2] ?? '').trim();
    if (inline !== '') {
      fields.set(key, { text: inline, inline: true });
      continue;
    }
    const nested: string[] = [];
    while (index + 1 < lines.length && /^([ \t]|$)/.test(lines[index + 1] ?? '')) {
      index += 1;
      nested.push(lines[index] ?? '');
    }
    fields.set(key, { text: nested.join('\n').trim(), inline: false });
  }
  return fields;
}

function parseYaml(block: string, issues: FrontmatterIssue[]): Map<string, unknown> | null {
  try {
    const document = parseDocument(block, { schema: 'core', uniqueKeys: true, logLevel: 'silent' });
    const error = document.errors[0];
    if (error !== undefined) {
      const [summary = ''] = error.message.split('\n');
      issues.push({ code: 'yaml_invalid', message: summary.replace(/:?\s*$/, '.') });
      return null;
    }
    // The alias limit is what stops a "billion laughs" block from growing in memory.
    const value: unknown = document.toJS({ maxAliasCount: 20, mapAsMap: false });
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return new Map(Object.entries(value));
  } catch (error) {
    issues.push({ code: 'yaml_invalid', message: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

function stripQuotes(text: string): string {
  const match = /^(["'])([\s\S]*)\1$/.exec(text);
  return match === null ? text : (match[2] ?? '');
}

function mergeFields(
  byLine: ReadonlyMap<string, LineField>,
  byYaml: ReadonlyMap<string, unknown> | null,
): Map<string, FrontmatterField> {
  const merged = new Map<string, FrontmatterField>();
  for (const [key, value] of byYaml ?? []) {
    if (value === null || value === undefined) continue;
    const line = byLine.get(key);
    const raw = line?.text;
    if (typeof value === 'object') {
      const useRaw = line?.inline === true && line.text.includes(':');
      merged.set(key, { text: useRaw ? line.text : JSON.stringify(value), structured: value, raw });
    } else {
      merged.set(key, { text: String(value).trim(), raw });
    }
  }
  for (const [key, line] of byLine) {
    if (merged.has(key) || (byYaml?.has(key) && byYaml.get(key) === null)) continue;
    merged.set(key, { text: line.inline ? stripQuotes(line.text) : line.text, raw: line.text });
  }
  return merged;
}
