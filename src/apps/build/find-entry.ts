import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/json.ts';

const extensions = ['', '.js', '.ts', '.mjs', '.mts', '.cjs', '.jsx', '.tsx', '/index.js', '/index.ts'];

/** The parts of an app's package.json that the build looks at. */
export interface PackageFile {
  readonly main: string | null;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Null when the app has none. Throws `build_failed` when it is not JSON. */
export async function readPackageFile(dir: string): Promise<PackageFile | null> {
  const file = path.join(dir, 'package.json');
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new TackleError('build_failed', `${file} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (!isPlainObject(content)) throw new TackleError('build_failed', `${file} must hold a JSON object`);
  const dependencies = isPlainObject(content.dependencies) ? content.dependencies : {};
  return {
    main: typeof content.main === 'string' && content.main !== '' ? content.main : null,
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
  };
}

/** The entry file: the one that was asked for, `main` of package.json, `index.js`, `index.ts`; absolute. */
export async function findEntry(
  dir: string,
  main: string | undefined,
  packageFile: PackageFile | null,
): Promise<string> {
  if (!(await isDirectory(dir))) throw new TackleError('build_failed', `There is no directory ${dir}`);
  if (main !== undefined) {
    const found = await findFile(dir, main);
    if (found === null) throw new TackleError('build_failed', `There is no file ${main} in ${dir} (given as main)`);
    return found;
  }
  const declared = packageFile?.main ? await findFile(dir, packageFile.main) : null;
  const found = declared ?? (await findFile(dir, 'index.js')) ?? (await findFile(dir, 'index.ts'));
  if (found !== null) return found;
  const hint = packageFile?.main
    ? `"main" of package.json names ${packageFile.main}, which is missing, and`
    : 'There is';
  throw new TackleError(
    'build_failed',
    `${hint} no index.js or index.ts in ${dir}. Create one, or say which file the app starts with: --main FILE`,
  );
}

async function findFile(dir: string, name: string): Promise<string | null> {
  for (const extension of extensions) {
    const file = path.resolve(dir, name + extension);
    if ((await stat(file).catch(() => null))?.isFile()) return file;
  }
  return null;
}

async function isDirectory(dir: string): Promise<boolean> {
  return (await stat(dir).catch(() => null))?.isDirectory() ?? false;
}
