import { makeAssignable } from './assignable.ts';
import { getMimeType } from './mime-type.ts';
import { HttpRequest } from './request.ts';

/** What handlers and middleware written for Express read of a request beyond codehooks-js. */
export class ExpressRequest extends HttpRequest {
  get protocol(): string {
    return this.#getFirst('x-forwarded-proto', ',') || 'http';
  }

  get secure(): boolean {
    return this.protocol === 'https';
  }

  get host(): string | undefined {
    return this.#getText('host');
  }

  get xhr(): boolean {
    return this.#getText('x-requested-with')?.toLowerCase() === 'xmlhttprequest';
  }

  get ips(): string[] {
    return [];
  }

  get baseUrl(): string {
    return '';
  }

  get httpVersion(): string {
    return '1.1';
  }

  get httpVersionMajor(): number {
    return 1;
  }

  get httpVersionMinor(): number {
    return 1;
  }

  /** The first of the types (`json`, `text/*`, `application/json`) that the body has, else false; null without a body. */
  is(...types: (string | string[])[]): string | false | null {
    const given = this.#getFirst('content-type', ';').toLowerCase();
    if (given === '') return null;
    return types.flat().find((type) => matches(toMime(type), given)) ?? false;
  }

  /** The one of the types that the client likes best, else false; all that it takes when none is given. */
  accepts(...types: (string | string[])[]): string | string[] | false {
    const ranges = parseAccept(this.#getText('accept') ?? '*/*');
    const candidates = types.flat();
    if (candidates.length === 0) return ranges.map(({ range }) => range);
    for (const { range } of ranges) {
      const found = candidates.find((type) => matches(range, toMime(type)));
      if (found !== undefined) return found;
    }
    return false;
  }

  /** The part before the separator, or an empty string. */
  #getFirst(name: string, separator: string): string {
    const [first = ''] = (this.#getText(name) ?? '').split(separator);
    return first.trim();
  }

  #getText(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }
}

makeAssignable(HttpRequest.prototype);
makeAssignable(ExpressRequest.prototype);

function parseAccept(header: string): { range: string; quality: number }[] {
  const ranges = header.split(',').map((part) => {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const quality = parameters.find((text) => text.startsWith('q='));
    return { range, quality: quality === undefined ? 1 : Number(quality.slice(2)) };
  });
  return ranges.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
}

function toMime(type: string): string {
  return type.includes('/') ? type.toLowerCase() : (getMimeType(`x.${type}`) ?? type);
}

/** `range` may have `*` for a half, or for both. */
function matches(range: string, mime: string): boolean {
  const [family, kind] = range.split('/');
  const [ownFamily, ownKind] = mime.split('/');
  return (family === '*' || family === ownFamily) && (kind === '*' || kind === ownKind);
}
