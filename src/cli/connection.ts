import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TackleError } from '../core/errors.ts';
import { resolveHome } from '../server/config-home.ts';
import { ApiClient, apiPath } from './api-client.ts';
import type { ProjectInfo } from './api-types.ts';
import type { Cli } from './cli.ts';
import type { GatewayOptions, SpaceOptions } from './options.ts';
import { readProjectFile } from './project-file.ts';

/** The gateway that a command talks to. Needs no login on the gateway's own machine. */
export function connect(options: GatewayOptions, cli: Cli): ApiClient {
  const { home } = resolveHome({ homeFlag: options.home, ...cli });
  const named = options.url ?? cli.env.TACKLE_URL;
  const url = parseGatewayUrl(named ?? readRunningUrl(home));
  const token = options.admintoken ?? cli.env.TACKLE_ADMIN_TOKEN ?? cli.env.CODEHOOKS_ADMIN_TOKEN ?? null;
  const startHint = named === undefined ? howToStart(home) : `Is ${url} the right address?`;
  return new ApiClient({
    url,
    token: token ?? readLocalToken(url, home),
    startHint,
    isOwnMachine: named === undefined,
  });
}

export interface SpaceConnection {
  readonly api: ApiClient;
  /** Unique name of the project. */
  readonly project: string;
  readonly space: string;
  /** `/projects/<project>/spaces/<space>`, encoded. */
  readonly path: string;
}

/** The gateway and the space: named by options, else by ./config.json, else the only project and its space `dev`. */
export async function connectToSpace(options: SpaceOptions, cli: Cli): Promise<SpaceConnection> {
  const api = connect(options, cli);
  const project = await chooseProject(api, options, cli);
  const space = options.space ?? readProjectFile(cli.currentDirectory).space ?? 'dev';
  return { api, project, space, path: apiPath`/projects/${project}/spaces/${space}` };
}

export async function chooseProject(api: ApiClient, options: SpaceOptions, cli: Cli): Promise<string> {
  const named = options.project ?? options.projectname ?? readProjectFile(cli.currentDirectory).name;
  if (named !== undefined) return named;
  const { projects } = await api.get<{ projects: readonly ProjectInfo[] }>('/projects');
  const [only, ...others] = projects;
  if (only === undefined) {
    throw new TackleError('not_found', "There is no project yet. Create one with 'tackle create <name>'.");
  }
  if (others.length === 0) return only.id;
  const names = projects.map(({ id }) => id).join(', ');
  throw new TackleError('invalid_request', `Which project? Name one with --project: ${names}`);
}

function parseGatewayUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin;
  throw new TackleError('invalid_request', `'${text}' is not the URL of a gateway, such as http://127.0.0.1:3011`);
}

function readRunningUrl(home: string): string {
  const path = join(home, 'gateway.json');
  try {
    const { url } = JSON.parse(readFileSync(path, 'utf8')) as { url?: unknown };
    if (typeof url === 'string') return url;
    throw new TackleError('storage_unavailable', `The gateway of ${home} is starting; try again in a moment.`);
  } catch (error) {
    if (error instanceof TackleError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      throw new TackleError('forbidden', `${path} cannot be read by this user. ${otherUserHint}`);
    }
  }
  throw new TackleError('not_found', `No gateway is running for the home ${home}. ${howToStart(home)}`);
}

function readLocalToken(url: string, home: string): string {
  // The token of this machine is sent to this machine only, whatever --url says.
  const name = new URL(url).hostname;
  if (!['127.0.0.1', '[::1]', 'localhost'].includes(name)) {
    throw new TackleError('unauthenticated', `${url} needs an admin token: --admintoken or TACKLE_ADMIN_TOKEN.`);
  }
  const path = join(home, 'admin.token');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') throw new TackleError('forbidden', `${path} cannot be read by this user. ${otherUserHint}`);
    if (code !== 'ENOENT') throw error;
    throw new TackleError(
      'unauthenticated',
      `There is no admin token at ${path}. Start the gateway once, point --home to its home, or give --admintoken.`,
    );
  }
}

const otherUserHint = 'Use the account that the gateway runs under, or --admintoken.';

function howToStart(home: string): string {
  return `Start it with 'tackle up --home ${home}', or name one elsewhere with --url.`;
}
