import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** What rolldown says about an import of a name that its module does not export. */
interface MissingExport {
  readonly code: 'MISSING_EXPORT';
  readonly message: string;
  /** The importing file, and the file that lacks the name. */
  readonly id: string;
  readonly exporter: string;
  /** Line from 1, column from 0. */
  readonly loc: { readonly line: number; readonly column: number };
}

/**
 * Warnings about missing exports on which no code depends: types that TypeScript files hand on without saying `type`, which
 * only a compiler of the whole program can tell, and names that are imported and never used. Null when something else is wrong:
 * then the build has failed.
 */
export async function explainHarmlessMissing(error: unknown, dir: string): Promise<string[] | null> {
  const list: unknown = (error as { readonly errors?: unknown } | null)?.errors;
  if (!Array.isArray(list) || list.length === 0 || !list.every(isMissingExport)) return null;
  const warnings: string[] = [];
  for (const missing of list) {
    const name = /^(?:\[MISSING_EXPORT\] )?"([^"]+)" is not exported/.exec(missing.message)?.[1];
    if (name === undefined) return null;
    if (await isType(name, missing)) continue;
    if (!(await isUnused(name, missing))) return null;
    const { line, column } = missing.loc;
    warnings.push(
      `${path.relative(dir, missing.id)}:${line}:${column + 1}  "${name}" is not exported there, and not used`,
    );
  }
  return warnings;
}

function isMissingExport(error: unknown): error is MissingExport {
  const { code, id, exporter, loc } = error as Partial<MissingExport>;
  return code === 'MISSING_EXPORT' && typeof id === 'string' && typeof exporter === 'string' && loc !== undefined;
}

const isTypeScript = (file: string): boolean => /\.[cm]?tsx?$/.test(file);

/** A name that the other file declares as a type, or got from elsewhere by a statement that may be about types. */
async function isType(name: string, { id, exporter }: MissingExport): Promise<boolean> {
  if (!isTypeScript(id) || !isTypeScript(exporter)) return false;
  const word = escapePattern(name);
  const source = await readSource(exporter);
  return new RegExp(
    `\\b(?:interface|type)\\s+${word}\\b|\\b(?:import|export)\\s*(?:type\\s*)?\\{[^}]*\\b${word}\\b`,
  ).test(source);
}

/** The name stands in its import statement and nowhere else. */
async function isUnused(name: string, { id, loc }: MissingExport): Promise<boolean> {
  const source = await readSource(id);
  const before = source.split('\n').slice(0, loc.line);
  before.push((before.pop() ?? '').slice(0, loc.column));
  const statement = before
    .join('\n')
    .match(/\b(?:import|export)\b/g)
    ?.at(-1);
  const local = new RegExp(`\\b${escapePattern(name)}\\s+as\\s+([\\w$]+)`).exec(source)?.[1] ?? name;
  const uses = source.match(new RegExp(`(?<![\\w$])${escapePattern(local)}(?![\\w$])`, 'g')) ?? [];
  return statement === 'import' && uses.length <= 1;
}

function readSource(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function escapePattern(text: string): string {
  return text.replaceAll(/[$.*+?^(){}|[\]\\]/g, '\\$&');
}
