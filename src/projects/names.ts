import { randomBytes, randomInt } from 'node:crypto';
import { TackleError } from '../core/errors.ts';

/** First path segments that the gateway answers itself on hosts that are not a project's (spec/codehooks 3.1). */
/** First path segments of the gateway's own hosts that belong to the gateway, never to a space. */
export const reservedSegments: ReadonlySet<string> = new Set([
  'health',
  'ready',
  'p',
  'api',
  'hooks',
  'webhook',
  'plugins',
  'mcp',
  'llms.txt',
  'chat',
]);
const ADMIN_PREFIX = '_A_D_M_';

export const DEFAULT_SPACE_NAME = 'dev';

export function validateProjectName(name: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return name;
  throw new TackleError(
    'invalid_name',
    `"${shorten(name)}" cannot be a project name: use 1 to 40 of a-z, 0-9 and "-", with a letter or digit at both ends`,
  );
}

export function validateSpaceName(name: string): string {
  if (reservedSegments.has(name)) {
    throw new TackleError('invalid_name', `"${name}" cannot be a space name: the gateway uses this path itself`);
  }
  if (name.toUpperCase().startsWith(ADMIN_PREFIX)) {
    throw new TackleError('invalid_name', `"${shorten(name)}" cannot be a space name: ${ADMIN_PREFIX} is reserved`);
  }
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/.test(name)) return name;
  throw new TackleError(
    'invalid_name',
    `"${shorten(name)}" cannot be a space name: use 1 to 40 letters, digits, "_" and "-", beginning with a letter or digit`,
  );
}

export function validateEnvKey(key: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(key)) return key;
  throw new TackleError(
    'invalid_name',
    `"${shorten(key)}" cannot be the name of a variable: use letters, digits and "_", not beginning with a digit`,
  );
}

/** `name-xxxx`, different from every name that `isTaken` knows. */
export function generateProjectId(name: string, isTaken: (candidate: string) => boolean): string {
  return generateUnique(() => `${name}-${randomHex(2)}`, isTaken);
}

/** `adjective-noun-xxxx`, a host label that is not taken. */
export function generateHostLabel(isTaken: (candidate: string) => boolean): string {
  return generateUnique(() => `${pick(ADJECTIVES)}-${pick(NOUNS)}-${randomHex(2)}`, isTaken);
}

export function generateSpaceId(): string {
  return `sp_${randomHex(10)}`;
}

export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

function generateUnique(generate: () => string, isTaken: (candidate: string) => boolean): string {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const candidate = generate();
    if (!isTaken(candidate)) return candidate;
  }
  throw new TackleError('conflict', 'No free name was found; choose another base name');
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)]!;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const ADJECTIVES =
  'able amber brave bright brisk calm clear clever cosmic crisp daring eager early fair fancy fluent fresh gentle glad golden grand happy humble ideal jolly keen kind lively lucid lucky mellow merry misty modest neat nimble noble open patient plain polar polite proud quick quiet rapid ready royal rural sage sharp shiny silent simple smart solar solid sunny swift tidy vivid warm wise witty young zesty'.split(
    ' ',
  );
const NOUNS =
  'anchor arrow badger bay beacon bear birch bridge brook canyon cedar cliff cloud comet coral crane creek delta dune eagle ember falcon fern field finch fjord forest fox garden glacier grove harbor hawk heron hill island lagoon lake lantern lark leaf maple meadow moon oak ocean otter owl peak pebble pine planet pond prairie raven reef ridge river robin shore sparrow spring stone summit thicket tiger trail tulip valley wave willow wolf'.split(
    ' ',
  );
