import { Buffer } from 'node:buffer';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** What a body is to the app, by its content type: parsed, a string, or only a stream. */
export type BodyKind = 'json' | 'form' | 'text' | 'untyped' | 'stream';

export interface ParsedBody {
  readonly body: unknown;
  readonly rawBody: string | undefined;
}

/** The client's fault, answered with 400 before any code of the app runs. */
export class MalformedBodyError extends Error {}

export function getBodyKind(contentType: string): BodyKind {
  if (contentType === '') return 'untyped';
  const end = contentType.indexOf(';');
  const mime = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  if (mime === 'application/json' || mime.endsWith('+json')) return 'json';
  if (mime === 'application/x-www-form-urlencoded') return 'form';
  if (mime.startsWith('text/') || mime === 'application/xml' || mime.endsWith('+xml')) return 'text';
  return 'stream';
}

/** As much as a compressed body may grow to: the limit of the gateway for plain ones. */
const maxDecodedBytes = 50 * 1024 * 1024;

const decoders: Readonly<Record<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array>> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

/** The bytes that a client compressed, as they were before. Only for bodies that are parsed: streams stay as they came. */
export function decodeContent(bytes: Uint8Array, encoding: string): Uint8Array {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return bytes;
  const decode = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
  if (decode === undefined) throw new MalformedBodyError(`The content encoding ${name} of the body is not supported`);
  try {
    return decode(bytes, { maxOutputLength: maxDecodedBytes });
  } catch (error) {
    throw new MalformedBodyError(`The body is not valid ${name}: ${error instanceof Error ? error.message : error}`);
  }
}

export function parseBody(kind: BodyKind, contentType: string, bytes: Uint8Array): ParsedBody {
  if (kind === 'stream') return { body: {}, rawBody: undefined };
  const rawBody = decode(bytes, contentType);
  if (kind === 'json') return { body: parseJson(rawBody), rawBody };
  if (kind === 'form') return { body: parseForm(rawBody), rawBody };
  return { body: kind === 'text' ? rawBody : {}, rawBody };
}

/** Exactly the bytes as text: a byte order mark stays. */
function decode(bytes: Uint8Array, contentType: string): string {
  const charset = /charset\s*=\s*"?([\w-]+)/i.exec(contentType)?.[1]?.toLowerCase();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return buffer.toString('utf8');
  if (charset === 'iso-8859-1' || charset === 'latin1' || charset === 'us-ascii') return buffer.toString('latin1');
  try {
    return new TextDecoder(charset, { ignoreBOM: true }).decode(bytes);
  } catch {
    throw new MalformedBodyError(`The charset ${charset} of the body is not supported`);
  }
}

function parseJson(text: string): unknown {
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  if (json.trim() === '') return {};
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new MalformedBodyError(
      `The body is not valid JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

type FormValue = string | FormValue[] | { [key: string]: FormValue };

const maxFormDepth = 5;

/** `a=1&a=2` gives a list, `a[b]=1` an object, `a[]=1` a list, as in the extended form of Express. */
function parseForm(text: string): Record<string, FormValue> {
  const form: Record<string, FormValue> = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const parts = splitFormKey(key);
    addFormValue(form, parts, value);
  }
  return form;
}

function splitFormKey(key: string): string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])+)$/.exec(key);
  if (match === null) return [key];
  const inner = match[2]!.slice(1, -1).split('][');
  return inner.length > maxFormDepth ? [key] : [match[1]!, ...inner];
}

function addFormValue(target: Record<string, FormValue>, [name, ...rest]: string[], value: string): void {
  if (name === undefined || name === '__proto__') return;
  const before = Object.hasOwn(target, name) ? target[name] : undefined;
  if (rest.length === 0 || (rest.length === 1 && rest[0] === '')) {
    const asList = rest.length === 1;
    if (Array.isArray(before)) before.push(value);
    else if (before !== undefined) target[name] = [before, value];
    else target[name] = asList ? [value] : value;
    return;
  }
  const isNested = typeof before === 'object' && !Array.isArray(before);
  const nested: Record<string, FormValue> = isNested ? (before as Record<string, FormValue>) : {};
  target[name] = nested;
  addFormValue(nested, rest, value);
}

/** The whole of a body that came as a stream. The gateway has limited its length. */
export async function collectBytes(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    chunks.push(value);
  }
}
