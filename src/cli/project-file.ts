import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TackleError } from '../core/errors.ts';

/** ./config.json: which project and space the commands in this directory work on. */
export interface ProjectFile {
  readonly name?: string;
  readonly space?: string;
}

const fileName = 'config.json';

/** Empty when there is none, or when it is somebody else's config.json. */
export function readProjectFile(directory: string): ProjectFile {
  const path = join(directory, fileName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new TackleError('invalid_config', `${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  const { name, space } = (content ?? {}) as Record<string, unknown>;
  return {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof space === 'string' ? { space } : {}),
  };
}

export function writeProjectFile(directory: string, content: ProjectFile): void {
  writeFileSync(join(directory, fileName), `${JSON.stringify(content, null, 2)}\n`);
}
