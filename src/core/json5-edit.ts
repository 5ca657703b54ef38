/**
 * Changes single values in a JSON5 text and leaves every other byte, comments included, as it was.
 * Only objects are descended into; that is all that configuration writes need.
 */
import JSON5 from 'json5';
import { TackleError } from './errors.ts';

interface Member {
  readonly key: string;
  /** Offset of the key's first character. */
  readonly start: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

interface ObjectSpan {
  readonly open: number;
  readonly close: number;
  readonly members: readonly Member[];
  /** True when a comma follows the last member. */
  readonly trailingComma: boolean;
}

/** Sets the value at a path, making the objects on the way. An empty text counts as `{}`. */
export function setJson5Value(text: string, path: readonly string[], value: unknown): string {
  const source = text.trim() === '' ? '{}\n' : text;
  const [key, ...rest] = path;
  if (key === undefined) return `${formatValue(value, '')}\n`;
  let span = readObject(source, findRoot(source));
  let current: string = key;
  let remaining = rest;
  for (;;) {
    const member = findMember(span, current);
    if (member === undefined) return insertMember(source, span, current, nest(remaining, value));
    const next = remaining[0];
    if (next === undefined || source[member.valueStart] !== '{') {
      const indent = readIndent(source, member.start);
      return splice(source, member.valueStart, member.valueEnd, formatValue(nest(remaining, value), indent));
    }
    span = readObject(source, member.valueStart);
    current = next;
    remaining = remaining.slice(1);
  }
}

/** Removes the member at a path; a path that does not exist changes nothing. */
export function removeJson5Value(text: string, path: readonly string[]): string {
  if (text.trim() === '') return text;
  let span = readObject(text, findRoot(text));
  for (const [index, key] of path.entries()) {
    const member = findMember(span, key);
    if (member === undefined) return text;
    if (index < path.length - 1) {
      if (text[member.valueStart] !== '{') return text;
      span = readObject(text, member.valueStart);
      continue;
    }
    return removeMember(text, span, member);
  }
  return text;
}

function nest(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}

function splice(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** The last member of a name wins when JSON5 is parsed, so it is the one to change. */
function findMember(span: ObjectSpan, key: string): Member | undefined {
  return span.members.findLast((member) => member.key === key);
}

function readIndent(text: string, offset: number): string {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(lineStart, offset))?.[0] ?? '';
}

function formatValue(value: unknown, indent: string): string {
  return (JSON.stringify(value, null, 2) ?? 'null').replaceAll('\n', `\n${indent}`);
}

function insertMember(text: string, span: ObjectSpan, key: string, value: unknown): string {
  const last = span.members.at(-1);
  const objectIndent = readIndent(text, span.open);
  const indent = last === undefined ? `${objectIndent}  ` : readIndent(text, last.start);
  const isOneLine = last !== undefined && !text.slice(span.open, span.close).includes('\n');
  const name = JSON.stringify(key);
  if (last === undefined) {
    const entry = `\n${indent}${name}: ${formatValue(value, indent)}\n${objectIndent}`;
    // A comment in an otherwise empty object stays in front of the new member.
    return splice(text, span.close, span.close, entry);
  }
  const entry = isOneLine ? ` ${name}: ${JSON.stringify(value)}` : `\n${indent}${name}: ${formatValue(value, indent)}`;
  if (!span.trailingComma) return splice(text, last.valueEnd, last.valueEnd, `,${entry}`);
  const comma = text.indexOf(',', skipTrivia(text, last.valueEnd));
  return splice(text, comma + 1, comma + 1, `${entry},`);
}

function removeMember(text: string, span: ObjectSpan, member: Member): string {
  const index = span.members.indexOf(member);
  const next = span.members[index + 1];
  if (next !== undefined) return splice(text, member.start, next.start, '');
  const previous = span.members[index - 1];
  if (previous === undefined) {
    const end = span.trailingComma ? text.indexOf(',', skipTrivia(text, member.valueEnd)) + 1 : member.valueEnd;
    return splice(text, member.start, end, '');
  }
  return splice(text, previous.valueEnd, member.valueEnd, '');
}

function fail(offset: number): never {
  throw new TackleError(
    'invalid_config',
    `The configuration cannot be edited: it is not valid JSON5 near offset ${offset}.`,
  );
}

/** Skips white space and comments. */
function skipTrivia(text: string, from: number): number {
  let offset = from;
  for (;;) {
    const char = text[offset];
    if (char !== undefined && /[\s\uFEFF]/.test(char)) offset += 1;
    else if (text.startsWith('//', offset)) {
      const end = text.indexOf('\n', offset);
      offset = end === -1 ? text.length : end;
    } else if (text.startsWith('/*', offset)) {
      const end = text.indexOf('*/', offset + 2);
      if (end === -1) fail(offset);
      offset = end + 2;
    } else return offset;
  }
}

function findRoot(text: string): number {
  const offset = skipTrivia(text, 0);
  if (text[offset] !== '{') fail(offset);
  return offset;
}

function skipString(text: string, start: number): number {
  const quote = text[start];
  for (let offset = start + 1; offset < text.length; offset += 1) {
    if (text[offset] === '\\') offset += 1;
    else if (text[offset] === quote) return offset + 1;
  }
  return fail(start);
}

function skipValue(text: string, start: number): number {
  const char = text[start];
  if (char === '"' || char === "'") return skipString(text, start);
  if (char === '{' || char === '[') return skipBrackets(text, start);
  let offset = start;
  while (offset < text.length && !/[\s,}\]]/.test(text[offset] ?? '') && !text.startsWith('/', offset)) offset += 1;
  return offset === start ? fail(start) : offset;
}

function skipBrackets(text: string, start: number): number {
  let depth = 0;
  let offset = start;
  while (offset < text.length) {
    const char = text[offset] ?? '';
    if (char === '"' || char === "'") {
      offset = skipString(text, offset);
      continue;
    }
    if (char === '/') {
      const after = skipTrivia(text, offset);
      offset = after === offset ? offset + 1 : after;
      continue;
    }
    if (char === '{' || char === '[') depth += 1;
    if (char === '}' || char === ']') {
      depth -= 1;
      if (depth === 0) return offset + 1;
    }
    offset += 1;
  }
  return fail(start);
}

function readObject(text: string, open: number): ObjectSpan {
  const members: Member[] = [];
  let trailingComma = false;
  let offset = skipTrivia(text, open + 1);
  while (text[offset] !== '}') {
    if (offset >= text.length) fail(open);
    const start = offset;
    const quoted = text[offset] === '"' || text[offset] === "'";
    const keyEnd = quoted ? skipString(text, offset) : skipIdentifier(text, offset);
    const rawKey = text.slice(start, keyEnd);
    const colon = skipTrivia(text, keyEnd);
    if (text[colon] !== ':') fail(colon);
    const valueStart = skipTrivia(text, colon + 1);
    const valueEnd = skipValue(text, valueStart);
    members.push({ key: quoted ? String(JSON5.parse(rawKey)) : rawKey, start, valueStart, valueEnd });
    offset = skipTrivia(text, valueEnd);
    trailingComma = text[offset] === ',';
    if (trailingComma) offset = skipTrivia(text, offset + 1);
    else if (text[offset] !== '}') fail(offset);
  }
  return { open, close: offset, members, trailingComma };
}

function skipIdentifier(text: string, start: number): number {
  let offset = start;
  while (offset < text.length && /[\p{L}\p{N}$_\\]/u.test(text[offset] ?? '')) offset += 1;
  return offset === start ? fail(start) : offset;
}
