import type { ResponseSink } from '../runtime-types.ts';
import { makeAssignable } from './assignable.ts';
import type { ExpressRequest } from './express-request.ts';
import { HttpResponse, type ResponseOwner } from './response.ts';
import { type OpenAppFile, type SendFileOptions, sendFile } from './send-file.ts';
import { signCookie } from './sign-cookie.ts';

export interface CookieOptions {
  /** Milliseconds. */
  readonly maxAge?: number;
  readonly expires?: Date;
  readonly path?: string;
  readonly domain?: string;
  readonly httpOnly?: boolean;
  readonly secure?: boolean;
  readonly partitioned?: boolean;
  readonly sameSite?: boolean | string;
  readonly priority?: string;
  readonly signed?: boolean;
  readonly encode?: (value: string) => string;
}

type Sent = (error?: unknown) => unknown;

/** What a response to a request knows of it; other responses (those of workers) have neither. */
export interface Answered {
  readonly request: ExpressRequest;
  readonly openFile: OpenAppFile;
}

/** What handlers written for Express do with a response beyond codehooks-js. */
export class ExpressResponse extends HttpResponse {
  readonly #answered: Answered | null;

  constructor(sink: ResponseSink, owner: ResponseOwner, answered: Answered | null = null) {
    super(sink, owner);
    this.#answered = answered;
  }

  get req(): ExpressRequest | undefined {
    return this.#answered?.request;
  }

  /** A value that is no string is sent as JSON with the mark `j:`, which cookie parsers know. */
  cookie(name: string, value: unknown, options: CookieOptions = {}): this {
    const plain = typeof value === 'object' ? `j:${JSON.stringify(value)}` : String(value);
    const text = options.signed ? signCookie(plain, this.#findCookieSecret()) : plain;
    const { encode = encodeURIComponent } = options;
    return this.append('Set-Cookie', [`${name}=${encode(text)}`, ...listAttributes(options)].join('; '));
  }

  clearCookie(name: string, options: CookieOptions = {}): this {
    return this.cookie(name, '', { ...options, maxAge: undefined, expires: new Date(1) });
  }

  location(url: string): this {
    return this.set('Location', url);
  }

  vary(field: string | readonly string[]): this {
    const known = [this.get('Vary') ?? []].flat().flatMap((text) => text.split(/\s*,\s*/));
    const added = [field].flat().filter((name) => !known.some((one) => one.toLowerCase() === name.toLowerCase()));
    return this.set('Vary', [...known, ...added].join(', '));
  }

  links(links: Readonly<Record<string, string>>): this {
    const text = Object.entries(links).map(([relation, url]) => `<${url}>; rel="${relation}"`);
    return this.append('Link', text.join(', '));
  }

  /** For the browser to save, under the name, whose extension gives the type. */
  attachment(name?: string): this {
    if (name === undefined) return this.set('Content-Disposition', 'attachment');
    if (/\.\w+$/.test(name)) this.type(name.slice(name.lastIndexOf('.')));
    return this.set('Content-Disposition', toDisposition(name));
  }

  /** Calls what fits what the client takes: media types or their short names, each with a function, and `default`. */
  format(handlers: Readonly<Record<string, (...args: unknown[]) => unknown>>): this {
    const { request } = this.#requireAnswered('format');
    const types = Object.keys(handlers).filter((type) => type !== 'default');
    const chosen = types.length > 0 ? request.accepts(types) : false;
    if (types.length > 0) this.vary('Accept');
    if (typeof chosen === 'string') {
      const mime = this.type(chosen).get('content-type');
      if (String(mime).startsWith('text/')) this.set('Content-Type', `${mime}; charset=utf-8`);
      handlers[chosen]?.(request, this);
    } else if (handlers.default !== undefined) handlers.default(request, this);
    else this.status(406).json({ error: `Not acceptable; there is ${types.join(', ')}` });
    return this;
  }

  /** `sendFile(path[, options][, done])`: a file that came with the deployment, or else one that the app stored. */
  sendFile(path: string, ...rest: unknown[]): this {
    const { options, done } = readSendArguments(rest);
    this.#send(path, options, done);
    return this;
  }

  /** `download(path[, name][, options][, done])`: the same, for the browser to save. */
  download(path: string, ...rest: unknown[]): this {
    const { name, options, done } = readSendArguments(rest);
    const disposition = toDisposition(name ?? path.slice(path.lastIndexOf('/') + 1));
    this.#send(path, { ...options, headers: { ...options.headers, 'Content-Disposition': disposition } }, done);
    return this;
  }

  #send(path: string, options: SendFileOptions, done: Sent | undefined): void {
    sendFile(this, this.#requireAnswered('sendFile'), path, options).then(
      () => done?.(),
      (error: Error & { status?: number }) => {
        if (done !== undefined) done(error);
        else if (error.status !== undefined) this.status(error.status).end(error.message);
        else this.fail(error);
      },
    );
  }

  #requireAnswered(method: string): Answered {
    if (this.#answered === null) throw new Error(`res.${method}: nobody asked for an answer here`);
    return this.#answered;
  }

  /** Where cookie-parser leaves what it was given. */
  #findCookieSecret(): string {
    const { secret } = (this.req ?? {}) as { secret?: unknown };
    if (typeof secret === 'string' && secret !== '') return secret;
    throw new Error('res.cookie: a signed cookie needs app.use(cookieParser(secret)) before it');
  }

  jsonp(value?: unknown): this {
    return this.json(value);
  }

  getHeaderNames(): string[] {
    return Object.keys(this.getHeaders()).map((name) => name.toLowerCase());
  }

  /** Asked by middleware that works for any server of Node: whether the head is out, and to let it out. */
  get _header(): boolean {
    return this.headersSent;
  }

  _implicitHeader(): void {
    this.writeHead(this.statusCode);
  }
}

makeAssignable(HttpResponse.prototype);
makeAssignable(ExpressResponse.prototype);

function toDisposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '?');
  const exact = plain === name ? '' : `; filename*=UTF-8''${encodeURIComponent(name)}`;
  return `attachment; filename="${plain}"${exact}`;
}

function readSendArguments(rest: readonly unknown[]): { name?: string; options: SendFileOptions; done?: Sent } {
  const name = rest.find((argument) => typeof argument === 'string');
  const options = rest.find((argument) => typeof argument === 'object' && argument !== null) ?? {};
  const done = rest.find((argument) => typeof argument === 'function');
  return { options, ...(name === undefined ? {} : { name }), ...(done === undefined ? {} : { done: done as Sent }) };
}

function listAttributes(options: CookieOptions): string[] {
  const { maxAge, expires, domain, sameSite, priority } = options;
  const until = expires ?? (typeof maxAge === 'number' ? new Date(Date.now() + maxAge) : undefined);
  const sameSiteText = sameSite === true ? 'Strict' : sameSite === false ? undefined : sameSite;
  const attributes: [string, string | boolean | undefined][] = [
    ['Max-Age', typeof maxAge === 'number' ? String(Math.floor(maxAge / 1000)) : undefined],
    ['Domain', domain],
    ['Path', options.path ?? '/'],
    ['Expires', until?.toUTCString()],
    ['HttpOnly', options.httpOnly],
    ['Secure', options.secure],
    ['Partitioned', options.partitioned],
    ['Priority', priority],
    ['SameSite', sameSiteText && sameSiteText[0]!.toUpperCase() + sameSiteText.slice(1)],
  ];
  return attributes.flatMap(([name, value]) => (value === true ? [name] : value ? [`${name}=${value}`] : []));
}
