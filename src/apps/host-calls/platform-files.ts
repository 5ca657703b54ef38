import { readFile } from 'node:fs/promises';
import { TackleError } from '../../core/errors.ts';
import type { HostCallGroup } from '../host-functions.ts';
import { textParam } from './params.ts';

/** Files that come with the gateway so that apps need not bring them, by the name that the ABI asks for. */
const viewerFiles = ['viewer.js', 'operation.js', 'schema.js', 'element.js', 'viewer.css'];
const files: ReadonlyMap<string, URL> = new Map(
  viewerFiles.map((name) => [`api-docs/${name}`, new URL(`../api-docs/${name}`, import.meta.url)]),
);

/** `platform.file`, for the vocabulary of `sandbox/runtime/abi/host-calls.ts`. */
export function createPlatformFileCalls(): HostCallGroup {
  const texts = new Map<string, Promise<string>>();
  return {
    'platform.file': async (_spaceId, params) => {
      const name = textParam(params, 'name');
      const file = files.get(name);
      if (file === undefined) throw new TackleError('not_found', `The gateway has no file "${name}" for apps.`);
      const text = texts.get(name) ?? readFile(file, 'utf8');
      texts.set(name, text);
      return text;
    },
  };
}
