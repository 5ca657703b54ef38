import { refusedFunction } from './refused.ts';

/** `os` without the machine: constant answers, so that libraries which build a user agent from it work. */
const os: Record<string, unknown> = {
  EOL: '\n',
  devNull: '/dev/null',
  arch: () => 'x64',
  platform: () => 'linux',
  type: () => 'Linux',
  release: () => '0.0.0',
  version: () => '',
  machine: () => 'x86_64',
  hostname: () => 'localhost',
  homedir: () => '/app',
  tmpdir: () => '/tmp',
  endianness: () => 'LE',
  uptime: () => Math.floor(performance.now() / 1000),
  loadavg: () => [0, 0, 0],
  totalmem: () => 0,
  freemem: () => 0,
  cpus: () => [],
  availableParallelism: () => 1,
  networkInterfaces: () => ({}),
  userInfo: () => ({ username: 'app', uid: 1000, gid: 1000, shell: null, homedir: '/app' }),
  getPriority: () => 0,
  setPriority: refusedFunction('os.setPriority'),
  constants: { signals: {}, errno: {}, priority: {}, dlopen: {} },
};
os.default = os;

export default os;
