import { makeAssignable } from './assignable.ts';
import { HttpResponse } from './response.ts';

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

/** What handlers written for Express do with a response beyond codehooks-js. */
export class ExpressResponse extends HttpResponse {
  /** A value that is no string is sent as JSON with the mark `j:`, which cookie parsers know. */
  cookie(name: string, value: unknown, options: CookieOptions = {}): this {
    if (options.signed) throw new TypeError('res.cookie: signed cookies are not supported; sign the value yourself');
    const text = typeof value === 'object' ? `j:${JSON.stringify(value)}` : String(value);
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
    const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '?');
    const exact = plain === name ? '' : `; filename*=UTF-8''${encodeURIComponent(name)}`;
    if (/\.\w+$/.test(name)) this.type(name.slice(name.lastIndexOf('.')));
    return this.set('Content-Disposition', `attachment; filename="${plain}"${exact}`);
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
