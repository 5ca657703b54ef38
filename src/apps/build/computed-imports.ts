import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { textExtensions } from './text-files.ts';

/** What the name of a module is put together from: texts, and between them what only the running app knows (null). */
type Pieces = readonly (string | null)[];

interface ComputedImport {
  readonly kind: 'import' | 'require';
  readonly start: number;
  readonly end: number;
  /** The name as an expression. */
  readonly name: string;
  readonly pieces: Pieces;
}

const sourceExtension = /\.(?:[cm]?[jt]s|[jt]sx)$/;
const moduleExtension = new RegExp(`\\.(?:[cm]?[jt]s|[jt]sx|json|${textExtensions})$`);
const noModule = /\.(?:test|spec)\.\w+$|\.d\.[cm]?ts$/;
const maxFiles = 2_000;

/** Whether a source may hold such a call, which is cheap to tell. */
export const mayComputeImports = /\b(?:import|require)\s*\(\s*(?:(?:['"]|__dirname)[^)]*\+|`[^`]*\$)/;

/**
 * `import('./jobs/' + name)`, `` require(`./jobs/${name}.js`) `` and the like name files that nobody can know before the app
 * runs. All that they can mean go into the script, each evaluated when it is asked for: a part that is computed stands for
 * one name of a file or directory. Null when there is no such call; no line moves.
 */
export async function followComputedImports(code: string, file: string): Promise<string | null> {
  const { parseAst } = await import('rolldown/parseAst');
  const program = parseAst(code, { lang: /\.[cm]?ts$/.test(file) ? 'ts' : file.endsWith('.tsx') ? 'tsx' : 'jsx' });
  let followed = code;
  // Backwards, so that positions hold.
  for (const found of findComputedImports(program, code).reverse()) {
    const modules = await findModules(path.dirname(file), found.pieces);
    if (modules.size === 0) continue;
    const call = toTableCall(found, modules);
    const lostLines = countLines(code.slice(found.start, found.end)) - countLines(call);
    followed = followed.slice(0, found.start) + call + '\n'.repeat(lostLines) + followed.slice(found.end);
  }
  return followed === code ? null : followed;
}

function countLines(text: string): number {
  return text.split('\n').length;
}

function findComputedImports(program: unknown, code: string): ComputedImport[] {
  const found: ComputedImport[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (!isNode(value)) return;
    const call = readCall(value);
    const computed = call === null ? null : readName(call.source, code);
    if (call !== null && computed !== null)
      found.push({ kind: call.kind, start: value.start, end: value.end, ...computed });
    else for (const child of Object.values(value)) visit(child);
  };
  visit(program);
  return found;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [name: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

function readCall(node: Node): { kind: ComputedImport['kind']; source: Node } | null {
  if (node.type === 'ImportExpression') return { kind: 'import', source: node.source as Node };
  const { callee, arguments: given } = node as { callee?: Node; arguments?: readonly Node[] };
  if (node.type !== 'CallExpression' || callee?.type !== 'Identifier' || callee.name !== 'require') return null;
  return given?.length === 1 ? { kind: 'require', source: given[0]! } : null;
}

/** Null unless the name is relative, and its text says more of where than "beside this file". */
function readName(source: Node, code: string): { name: string; pieces: Pieces } | null {
  const nodes = flatten(source);
  if (nodes === null) return null;
  // `__dirname + '/jobs/' + name`: the directory of this file, wherever the app runs.
  const isFromDirectory =
    typeof nodes[0] === 'object' && nodes[0].type === 'Identifier' && nodes[0].name === '__dirname';
  const parts = isFromDirectory ? ['.', ...nodes.slice(1)] : nodes;
  const pieces: (string | null)[] = [];
  for (const part of parts) {
    const last = pieces.at(-1);
    if (typeof part !== 'string') pieces.push(null);
    else if (typeof last === 'string') pieces[pieces.length - 1] = last + part;
    else pieces.push(part);
  }
  if (!pieces.includes(null) || !/^\.\.?\/+[^/]/.test(pieces[0] ?? '')) return null;
  const name = parts.map((part) =>
    typeof part === 'string' ? JSON.stringify(part) : `(${code.slice(part.start, part.end)})`,
  );
  return { name: name.join(' + '), pieces };
}

/** Texts and expressions in their order; null when it is no concatenation. */
function flatten(node: Node): readonly (string | Node)[] | null {
  if (node.type === 'TemplateLiteral') {
    const quasis = node.quasis as readonly { value: { cooked: string } }[];
    const expressions = node.expressions as readonly Node[];
    return quasis.flatMap(({ value }, index) => [value.cooked, ...expressions.slice(index, index + 1)]);
  }
  if (node.type !== 'BinaryExpression' || node.operator !== '+') return null;
  return [node.left as Node, node.right as Node].flatMap((side) => {
    if (side.type === 'Literal' && typeof side.value === 'string') return [side.value];
    return flatten(side) ?? [side];
  });
}

/** The names that the pieces can make, each with the file that it means. Relative to `directory`, as the names are. */
async function findModules(directory: string, pieces: Pieces): Promise<Map<string, string>> {
  const pattern = new RegExp(`^${pieces.map((piece) => (piece === null ? '[^/]+' : RegExp.escape(piece))).join('')}$`);
  const first = pieces[0] ?? '';
  const start = first.slice(0, first.lastIndexOf('/') + 1);
  const modules = new Map<string, string>();
  for (const file of await listFiles(path.join(directory, start))) {
    for (const name of listNames(start + file)) {
      if (pattern.test(name) && !modules.has(name)) modules.set(name, start + file);
    }
  }
  return modules;
}

/** Modules below a directory, by their paths within it; the shortest come first, as `x.js` is meant before `x/index.js`. */
async function listFiles(directory: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(path.join(directory, below), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = below + entry.name;
      if (entry.name.startsWith('.') || entry.name === 'node_modules' || files.length >= maxFiles) continue;
      if (entry.isDirectory()) await walk(`${name}/`);
      else if (moduleExtension.test(name) && !noModule.test(name)) files.push(name);
    }
  };
  await walk('');
  return files.sort((a, b) => a.length - b.length);
}

/** How a module may be called: TypeScript goes by the name of its JavaScript too. */
function listNames(file: string): string[] {
  const names = [file, file.replace(/\.([cm]?)tsx?$/, '.$1js')];
  if (sourceExtension.test(file) || file.endsWith('.json')) {
    const bare = file.replace(/\.\w+$/, '');
    names.push(bare);
    if (bare.endsWith('/index')) names.push(bare.slice(0, -'/index'.length));
  }
  return names;
}

function toTableCall({ kind, name }: ComputedImport, modules: ReadonlyMap<string, string>): string {
  const entries = [...modules].map(
    ([known, file]) => `${JSON.stringify(known)}: () => ${kind}(${JSON.stringify(file)})`,
  );
  const error = `Object.assign(new Error("Cannot find module '" + name + "'"), { code: "MODULE_NOT_FOUND" })`;
  const fail = kind === 'import' ? `Promise.reject(${error})` : `(() => { throw ${error}; })()`;
  const find = `(table, name) => Object.hasOwn(table, name) ? table[name]() : ${fail}`;
  return `(${find})({ ${entries.join(', ')} }, ${name})`;
}
