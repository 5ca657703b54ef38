import { getPlatformFiles } from './platform.ts';
import type { Filesystem, Untyped } from './types.ts';

/**
 * Files of the space. Paths are absolute within it; `{source: true}` reads what was deployed with the app instead of what it
 * stored. Reading or deleting a file that is not there rejects.
 */
export const filestore: Filesystem = {
  getReadStream: async (path: string, options: object = {}): Promise<Untyped> =>
    getPlatformFiles().getFileStream(path, options),
  /** The content as UTF-8 text. */
  readFile: async (path: string, options: object = {}): Promise<string> => getPlatformFiles().readFile(path, options),
  /** Takes a stream, bytes or text; resolves with the entry when everything is stored. */
  saveFile: async (path: string, content: unknown, options: object = {}): Promise<Untyped> =>
    getPlatformFiles().saveFile(path, content, options),
  deleteFile: async (path: string, options: object = {}): Promise<Untyped> =>
    getPlatformFiles().deleteFile(path, options),
  list: async (path: string, options: object = {}): Promise<Untyped[]> => getPlatformFiles().list(path, options),
  readFileAsBuffer: async (path: string, options: object = {}): Promise<Untyped> => {
    const stream: AsyncIterable<Uint8Array> = await getPlatformFiles().getFileStream(path, options);
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  },
};
