import { isPlainObject, type Json } from '../../core/json.ts';
import type { AppManifest, AppTaskResult } from '../../ports/sandbox.ts';
import { ProtocolViolation } from './frame-reader.ts';

/** JSON that a process sent. */
export function parseFrameJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new ProtocolViolation('A frame that should hold JSON does not');
  }
}

/** Header lists repeat from response to response: the last ones are kept parsed. */
const knownHeaders = new Map<string, readonly (readonly [string, string])[]>();
const knownHeadersLimit = 256;
const knownHeadersTextLimit = 1024;

/** The headers of a response: an array of pairs of strings, checked. */
export function parseResponseHeaders(text: string): readonly (readonly [string, string])[] {
  const known = knownHeaders.get(text);
  if (known) return known;
  const value = parseFrameJson(text);
  const valid =
    Array.isArray(value) &&
    value.every(
      (pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string' && typeof pair[1] === 'string',
    );
  if (!valid) throw new ProtocolViolation('Response headers that are not pairs of strings');
  const headers = value as unknown as readonly (readonly [string, string])[];
  if (text.length <= knownHeadersTextLimit) {
    if (knownHeaders.size >= knownHeadersLimit) knownHeaders.clear();
    knownHeaders.set(text, headers);
  }
  return headers;
}

export function parseTaskResult(text: string): AppTaskResult {
  const value = parseFrameJson(text);
  if (!isPlainObject(value) || typeof value.status !== 'number') {
    throw new ProtocolViolation('A task result without status');
  }
  return { status: value.status, output: value.output ?? null };
}

export function parseManifest(text: string): AppManifest {
  const value = parseFrameJson(text);
  if (!isPlainObject(value)) throw new ProtocolViolation('A manifest that is not an object');
  const strings = (name: string): readonly string[] => {
    const list = value[name];
    if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) {
      throw new ProtocolViolation(`A manifest whose ${name} is not a list of strings`);
    }
    return list as readonly string[];
  };
  const object = (name: string) => {
    const part = value[name];
    if (!isPlainObject(part)) throw new ProtocolViolation(`A manifest whose ${name} is not an object`);
    return part;
  };
  const middleware = value.middleware;
  if (!Array.isArray(middleware) || !middleware.every((item) => item === null || typeof item === 'string')) {
    throw new ProtocolViolation('A manifest whose middleware is not a list of paths');
  }
  return {
    routes: strings('routes'),
    auths: strings('auths'),
    middleware: middleware as readonly (string | null)[],
    queues: strings('queues'),
    workers: strings('workers'),
    jobs: strings('jobs'),
    realtime: strings('realtime'),
    settings: object('settings'),
    hasStartup: value.hasStartup === true,
    extensions: object('extensions'),
  };
}
