/** Decides what a source file of a hook is, whatever its name and its package.json say. */
import { stripTypeScriptTypes } from 'node:module';
import vm from 'node:vm';

export type ModuleFormat = 'module' | 'commonjs';

/** TypeScript to JavaScript: types are blanked out, and only syntax that needs more is rewritten. */
export function compileTypeScript(source: string): string {
  try {
    return stripTypeScriptTypes(source, { mode: 'strip' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error;
    return stripTypeScriptTypes(source, { mode: 'transform' });
  }
}

const commonJsParams = ['exports', 'require', 'module', '__filename', '__dirname'];

/** A file is an ES module when it cannot be compiled as the body of a CommonJS function. */
export function detectModuleFormat(code: string): ModuleFormat {
  const body = code.replace(/^#!/, '//');
  try {
    vm.compileFunction(body, commonJsParams);
    return 'commonjs';
  } catch {
    return 'module';
  }
}

/** Gives an ES module the CommonJS names that it uses but, as far as known, does not declare. Keeps line numbers. */
export function addCommonJsNames(code: string, declared: ReadonlySet<string> = new Set()): string {
  const body = code.replace(/^#!.*/, '');
  const uses = (name: string, pattern: RegExp) =>
    pattern.test(body) &&
    !declared.has(name) &&
    !new RegExp(`\\b(?:const|let|var|function|class)\\s+${name}\\b|[{,]\\s*${name}\\s*[,}]`).test(body);
  const parts: string[] = [];
  if (uses('require', /\brequire\s*[(.]/)) {
    parts.push('import { createRequire as tackleCreateRequire } from "node:module";');
    parts.push('const require = tackleCreateRequire(import.meta.url);');
  }
  if (uses('__dirname', /\b__dirname\b/)) parts.push('const __dirname = import.meta.dirname;');
  if (uses('__filename', /\b__filename\b/)) parts.push('const __filename = import.meta.filename;');
  return parts.length === 0 ? body : `${parts.join(' ')} ${body}`;
}

/** A CommonJS file as an ES module whose default export is its `module.exports`. Keeps line numbers. */
export function wrapCommonJs(code: string): string {
  const before =
    'import { createRequire as tackleCreateRequire } from "node:module"; const tackleModule = { exports: {} }; ' +
    '(function (exports, require, module, __filename, __dirname) { ';
  const call =
    '}).call(tackleModule.exports, tackleModule.exports, tackleCreateRequire(import.meta.url), tackleModule, import.meta.filename, import.meta.dirname);';
  return `${before}${code.replace(/^#!.*/, '')}\n${call}\nexport default tackleModule.exports;`;
}

/** The line, from 1, at which a file cannot be parsed; undefined when it can. */
export function findSyntaxErrorLine(source: string): number | undefined {
  try {
    compileTypeScript(source.replace(/^#!/, '//'));
    return undefined;
  } catch (error) {
    // The compiler tells the place only in the first line of the stack.
    const line = error instanceof Error ? /^[^\n]*:(\d+)\n/.exec(error.stack ?? '')?.[1] : undefined;
    return line === undefined ? undefined : Number(line);
  }
}
