import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';

/** Users that no account and no container of systemd's uses; one per process, so that limits per user bind. */
const firstUid = 0x7000_0000;
const uidCount = 100_000;

/**
 * V8 reserves half a gigabyte of data segment for each isolate, and an app may have five (its own and four workers). So this
 * is a ceiling, not the limit: the watchdog on resident memory is.
 */
const dataBaseMb = 3072;

export interface CommandLine {
  readonly command: string;
  readonly args: string[];
  /** The wrapper stays around the process and tells its pid as JSON (`child-pid`) on file descriptor 3. */
  readonly reportsPid: boolean;
}

export interface WrapOptions {
  readonly denoBinary: string;
  readonly denoArgs: readonly string[];
  /** What the process reads. */
  readonly files: readonly string[];
  readonly socketDirectory: string;
  readonly workingDirectory: string;
  readonly memoryMb: number;
}

export interface Layer {
  readonly layer: string;
  readonly active: boolean;
  readonly detail: string;
}

interface FoundLayers {
  readonly prlimit: string | null;
  readonly setpriv: string | null;
  readonly bubblewrap: string | null;
  readonly ownUser: boolean;
  readonly layers: readonly Layer[];
}

/** What this machine offers around the Deno process, found out once by trying. */
export class IsolationLayers {
  readonly layers: readonly Layer[];
  readonly #prlimit: string | null;
  readonly #setpriv: string | null;
  readonly #bubblewrap: string | null;
  readonly #ownUser: boolean;

  constructor(found: FoundLayers) {
    this.#prlimit = found.prlimit;
    this.#setpriv = found.setpriv;
    this.#bubblewrap = found.bubblewrap;
    this.#ownUser = found.ownUser;
    this.layers = found.layers;
  }

  userFor(processNumber: number): { readonly uid: number; readonly gid: number } | null {
    if (!this.#ownUser) return null;
    const id = firstUid + (processNumber % uidCount);
    return { uid: id, gid: id };
  }

  wrap(options: WrapOptions): CommandLine {
    let line: string[] = [options.denoBinary, ...options.denoArgs];
    if (this.#bubblewrap) {
      const paths = [options.denoBinary, ...options.files, options.socketDirectory, options.workingDirectory];
      line = [
        this.#bubblewrap,
        ...bubblewrapArgs(paths),
        '--info-fd',
        '3',
        '--chdir',
        options.workingDirectory,
        '--',
        ...line,
      ];
    }
    if (this.#prlimit) {
      const dataBytes = (dataBaseMb + 2 * options.memoryMb) * 1024 * 1024;
      const limits = [`--data=${dataBytes}`, '--core=0', '--nofile=256'];
      if (this.#ownUser) limits.push('--nproc=128');
      line = [this.#prlimit, ...limits, '--', ...line];
    }
    if (this.#setpriv) line = [this.#setpriv, '--no-new-privs', '--pdeathsig', 'KILL', '--', ...line];
    return { command: line[0]!, args: line.slice(1), reportsPid: this.#bubblewrap !== null };
  }
}

/** Own namespaces for everything, no capabilities, and a file tree of the C library and the given paths, read-only. */
function bubblewrapArgs(paths: readonly string[]): string[] {
  const args = ['--unshare-all', '--die-with-parent', '--new-session', '--as-pid-1', '--cap-drop', 'ALL'];
  for (const directory of ['/lib', '/lib64', '/usr/lib', '/usr/lib64'])
    args.push('--ro-bind-try', directory, directory);
  args.push('--proc', '/proc', '--dev', '/dev', '--hostname', 'app');
  for (const path of paths) args.push('--ro-bind', path, path);
  return args;
}

/** How much is put around the Deno process: all that works here, or nothing (for tests of what then still holds). */
export type Isolation = 'strongest' | 'deno';

/** Tries what is there. Never rejects: what does not work is a layer that is not active. */
export async function probeIsolationLayers(denoBinary: string, isolation: Isolation): Promise<IsolationLayers> {
  const linux = process.platform === 'linux' && isolation === 'strongest';
  const [prlimit, setpriv] = await Promise.all([
    linux ? firstWorking(['/usr/bin/prlimit'], ['--core=0', '--', '/bin/true']) : null,
    linux ? firstWorking(['/usr/bin/setpriv'], ['--no-new-privs', '--pdeathsig', 'KILL', '--', '/bin/true']) : null,
  ]);
  const isRoot = process.getuid?.() === 0;
  const ownUser = linux && isRoot && (await canRunAsOther(denoBinary));
  const bubblewrap = linux ? await findBubblewrap(denoBinary, ownUser) : null;
  const layers: Layer[] = [
    { layer: 'deno', active: true, detail: 'no file, network, process, FFI or environment permission' },
    {
      layer: 'memory watchdog',
      active: true,
      detail: process.platform === 'linux' ? '/proc every 50 ms' : 'ps, every 200 ms',
    },
    {
      layer: 'resource limits',
      active: prlimit !== null,
      detail: prlimit ? 'data segment, open files, no core dumps' : 'prlimit (util-linux) is not there',
    },
    {
      layer: 'no new privileges',
      active: setpriv !== null,
      detail: setpriv ? 'and the process dies with the gateway' : 'setpriv (util-linux) is not there',
    },
    {
      layer: 'own user',
      active: ownUser,
      detail: ownUser
        ? 'each process runs under a user id of its own'
        : isRoot
          ? 'the binary cannot be run by another user from where it is installed'
          : 'only when the gateway runs as root; processes run as its own user',
    },
    {
      layer: 'bubblewrap',
      active: bubblewrap !== null,
      detail: bubblewrap
        ? 'own namespaces, no capabilities, only the C library and the runtime in the file tree'
        : 'bwrap is not installed or may not make namespaces here',
    },
  ];
  return new IsolationLayers({ prlimit, setpriv, bubblewrap, ownUser, layers });
}

async function firstWorking(paths: readonly string[], args: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there && (await succeeds(path, args))) return path;
  }
  return null;
}

async function findBubblewrap(denoBinary: string, ownUser: boolean): Promise<string | null> {
  const command = '/usr/bin/bwrap';
  const user = ownUser ? { uid: firstUid, gid: firstUid } : {};
  const works = await succeeds(command, [...bubblewrapArgs([denoBinary]), '--', denoBinary, '--version'], user);
  return works ? command : null;
}

function canRunAsOther(denoBinary: string): Promise<boolean> {
  return succeeds('/usr/bin/test', ['-x', denoBinary], { uid: firstUid, gid: firstUid });
}

function succeeds(
  command: string,
  args: readonly string[],
  user: { uid?: number; gid?: number } = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(command, [...args], { env: { DENO_DIR: '/dev/null/none' }, timeout: 2000, ...user }, (error) =>
      resolve(error === null),
    );
  });
}
