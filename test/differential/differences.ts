import type { CrudRequest } from './crud-requests.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Comparison {
  readonly kind: string;
  readonly request: CrudRequest;
  readonly ours: Answer;
  readonly theirs: Answer;
}

interface Difference {
  readonly reason: string;
  applies(comparison: Comparison): boolean;
}

const hasParameter = ({ path }: CrudRequest, pattern: RegExp) =>
  [...new URLSearchParams(path.replace(/^[^?]*\??/, '').replaceAll('+', '%2B')).entries()].some(([key, value]) =>
    pattern.test(value === '' ? key : `${key}=${value}`),
  );

/** Where our library means to differ from the original, each with why. */
const differences: readonly Difference[] = [
  {
    reason: 'The message about JSON that cannot be read says which parameter it was.',
    applies: ({ ours, theirs }) => ours.status === theirs.status && /^[qha] is not valid JSON: /.test(ours.body),
  },
  {
    reason: 'Two conditions on one field both hold, where the original keeps the last or mixes their letters.',
    applies: ({ request }) => {
      const keys = [...new URLSearchParams(request.path.split('?')[1]).keys()];
      const fieldOf = (key: string) => /^!?([\w.]*)/.exec(key)![1];
      const boundOf = (key: string) => /^[\w.]+([<>]=?)/.exec(key)?.[1];
      // Different bounds merge in both; of two of one kind the original takes the last.
      const clash = (key: string, other: string) =>
        fieldOf(key) === fieldOf(other) && (boundOf(key) === undefined || boundOf(key) === boundOf(other));
      return keys.some((key, index) => keys.some((other, place) => place !== index && clash(key, other)));
    },
  },
  {
    reason: 'Operators that need a list take one value as a list of one, where the original hands on what is refused.',
    applies: ({ request, theirs }) =>
      theirs.status === 400 && /takes an array/.test(theirs.body) && hasParameter(request, /:(in|nin|all)=[^,]*$/),
  },
  {
    reason: 'Commas within quotes and regular expressions do not split the values of named operators either.',
    applies: ({ request }) => hasParameter(request, /^[\w.]+:\w+=(.*,)?(["'/])[^,]*,.*\2/),
  },
  {
    reason: 'Spaces and plus signs before a field of sort do not become part of its name.',
    applies: ({ request }) => hasParameter(request, /^sort=(.*,)?\s*[ +]/),
  },
  {
    reason: 'q must be a JSON object: a text is not taken for an id, null not for everything.',
    applies: ({ request, ours }) =>
      hasParameter(request, /^q=(null|"|\[|-?\d|true|false)/) && /^q must be a JSON object$/.test(ours.body),
  },
  {
    reason:
      'A replacement that is no JSON object is a bad request, where the original answers 404 with an internal message.',
    applies: ({ request, ours, theirs }) =>
      request.method === 'PUT' && !request.body?.startsWith('{') && ours.status === 400 && theirs.status === 404,
  },
  {
    reason: 'A missing document is 404 with and without schema; the original says 400 and {} where there is a schema.',
    applies: ({ request, ours, theirs }) =>
      request.method === 'PUT' && ours.status === 404 && /Not found/.test(ours.body) && theirs.status === 400,
  },
];

/** Why the answers differ, or null when they should not. */
export function findReason(comparison: Comparison): string | null {
  return differences.find(({ applies }) => applies(comparison))?.reason ?? null;
}
