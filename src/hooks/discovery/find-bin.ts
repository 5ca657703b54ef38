/** Finds programs on PATH, on Windows with PATHEXT. Pure apart from `isExecutable`. */
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

export interface BinFinderOptions {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isExecutable: (file: string) => boolean;
}

const defaultPathExt = '.COM;.EXE;.BAT;.CMD';

/** Remembers every answer, so one finder serves one look at the machine. */
export function createBinFinder(options: BinFinderOptions): (name: string) => boolean {
  const isWindows = options.platform === 'win32';
  const flavour = isWindows ? path.win32 : path.posix;
  const pathText = (isWindows ? (options.env.PATH ?? options.env.Path) : options.env.PATH) ?? '';
  const dirs = pathText.split(flavour.delimiter).filter((dir) => dir !== '');
  const extensions = isWindows ? (options.env.PATHEXT ?? defaultPathExt).split(';').filter((ext) => ext !== '') : [''];
  const answers = new Map<string, boolean>();

  function find(name: string): boolean {
    // A name with a separator is not a program name; a hook must not probe the disk with it.
    if (name === '' || name.includes('/') || name.includes('\\')) return false;
    const hasExtension = isWindows && extensions.some((ext) => name.toLowerCase().endsWith(ext.toLowerCase()));
    const names = hasExtension ? [name] : extensions.map((ext) => name + ext);
    return dirs.some((dir) => names.some((file) => options.isExecutable(flavour.join(dir, file))));
  }

  return (name) => {
    const known = answers.get(name);
    if (known !== undefined) return known;
    const found = find(name);
    answers.set(name, found);
    return found;
  };
}

export function isExecutableFile(file: string): boolean {
  try {
    if (!statSync(file).isFile()) return false;
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
