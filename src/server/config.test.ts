/** Configuration: real files in temporary directories; environment, flags and the user's home are given, not the process's. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { listConfigFields } from './config.ts';
import { formatConfigDocs } from './config-docs.ts';
import { resolveHome, resolveStateDirectory } from './config-home.ts';
import { type ConfigInput, describeConfig, loadConfig } from './config-load.ts';

let directory: string;
let home: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tackle-config-'));
  home = join(directory, 'home');
  mkdirSync(home);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function input(change: Partial<ConfigInput> = {}): ConfigInput {
  return { flags: {}, env: {}, homeFlag: home, userHome: directory, currentDirectory: directory, ...change };
}

function writeConfig(text: string): void {
  writeFileSync(join(home, 'tackle.json'), text);
}

describe('configuration values', () => {
  it('are the defaults when nothing is set', () => {
    const { config, file, sources } = loadConfig(input());
    assert.equal(file, null);
    assert.equal(config.server.port, 3011);
    assert.equal(config.server.host, '127.0.0.1');
    assert.deepEqual(config.server.adminHosts, []);
    assert.equal(config.home, home);
    assert.equal(sources.get('server.port'), 'default');
  });

  it('come from the option before the environment, the environment before the file', () => {
    writeConfig('{ server: { port: 1, host: "0.0.0.0", bodyLimitMb: 7 } } // JSON5');
    const env = { TACKLE_PORT: '2', TACKLE_HOST: '::1' };
    const { config, sources } = loadConfig(input({ env, flags: { 'server.port': '3' } }));
    assert.equal(config.server.port, 3);
    assert.equal(config.server.host, '::1');
    assert.equal(config.server.bodyLimitMb, 7);
    assert.equal(sources.get('server.port'), '--port');
    assert.equal(sources.get('server.host'), 'TACKLE_HOST');
    assert.equal(sources.get('server.bodyLimitMb'), join(home, 'tackle.json'));
  });

  it('may use variables and other files of the home', () => {
    writeFileSync(join(home, 'server.json5'), '{ port: 4000 }');
    writeConfig(`{ server: { $include: './server.json5', publicUrl: '\${SITE}' } }`);
    const { config } = loadConfig(input({ env: { SITE: 'https://example.com' } }));
    assert.equal(config.server.port, 4000);
    assert.equal(config.server.publicUrl, 'https://example.com');
    assert.throws(() => loadConfig(input()), /SITE, used at server\.publicUrl .* is not set/);
  });

  it('accept lists as lists in the file and as comma-separated text elsewhere', () => {
    writeConfig("{ server: { trustProxy: ['127.0.0.1', '10.0.0.0/8'] } }");
    assert.deepEqual(loadConfig(input()).config.server.trustProxy, ['127.0.0.1', '10.0.0.0/8']);
    const { config } = loadConfig(input({ env: { TACKLE_TRUST_PROXY: '::1, 192.168.0.0/16' } }));
    assert.deepEqual(config.server.trustProxy, ['::1', '192.168.0.0/16']);
  });

  it('are printed with their source and without secrets', () => {
    const { TACKLE_SECRET_KEY } = { TACKLE_SECRET_KEY: 'ab'.repeat(32) };
    const printed = describeConfig(loadConfig(input({ env: { TACKLE_SECRET_KEY } })));
    assert.ok(!JSON.stringify(printed).includes(TACKLE_SECRET_KEY));
    assert.deepEqual(
      printed.find(({ path }) => path === 'security.secretKey'),
      { path: 'security.secretKey', value: '(secret)', source: 'TACKLE_SECRET_KEY' },
    );
  });
});

describe('a configuration that is not valid', () => {
  const badValues: readonly (readonly [string, RegExp])[] = [
    [
      '{ server: { port: 70000 } }',
      /server\.port, set by .*tackle\.json, must be an integer from 0 to 65535; 70000 is not/,
    ],
    ['{ server: { port: "3011x" } }', /server\.port, .*"3011x" is not/],
    ['{ server: { port: 1.5 } }', /server\.port/],
    ['{ server: { prot: 1 } }', /server\.prot in .* is not a setting\. Did you mean server\.port\?/],
    ['{ sever: {} }', /sever in .* is not a setting\. Did you mean server\?/],
    ['{ server: [] }', /server in .* must be an object, not \[\]/],
    ['{ hooks: 1 }', /hooks in .* must be an object/],
    ['{ server: { trustProxy: ["example.com"] } }', /server\.trustProxy, .*IP address or CIDR/],
    ['{ server: { publicUrl: "https://a.b/path" } }', /server\.publicUrl, .*without a path/],
    ['{ server: { adminHosts: ["https://a.b"] } }', /server\.adminHosts/],
    ['{ logging: { level: "loud" } }', /logging\.level, .*one of fatal, error/],
    ['{ server: { tlsCert: "a.pem" } }', /server\.tlsCert, .* needs server\.tlsKey too/],
    ['{ server: ', /tackle\.json is not valid JSON5/],
    ['[]', /must hold an object/],
  ];
  for (const [text, message] of badValues) {
    it(`is refused: ${text}`, () => {
      writeConfig(text);
      assert.throws(() => loadConfig(input()), { code: 'invalid_config', message });
    });
  }

  it('does not show a secret in its message', () => {
    assert.throws(
      () => loadConfig(input({ env: { TACKLE_SECRET_KEY: 'hunter2' } })),
      (error: Error) => {
        assert.match(error.message, /security\.secretKey, set by TACKLE_SECRET_KEY, must be 32 bytes/);
        return !error.message.includes('hunter2');
      },
    );
  });

  it('cannot include files from outside of the home', () => {
    writeFileSync(join(directory, 'outside.json'), '{}');
    writeConfig("{ server: { $include: '../outside.json' } }");
    assert.throws(() => loadConfig(input()), /outside/);
    linkSync(join(directory, 'outside.json'), join(home, 'linked.json'));
    writeConfig("{ server: { $include: './linked.json' } }");
    assert.throws(() => loadConfig(input()), /hard link/);
  });
});

describe('directories', () => {
  it('the home is --home, else TACKLE_HOME, else ~/.tackle', () => {
    const base = { userHome: '/u', currentDirectory: '/here', env: {} };
    assert.deepEqual(resolveHome(base), { home: '/u/.tackle', source: 'default' });
    assert.equal(resolveHome({ ...base, env: { TACKLE_HOME: 'x' } }).home, '/here/x');
    assert.equal(resolveHome({ ...base, env: { TACKLE_HOME: 'x' }, homeFlag: '/y' }).home, '/y');
  });

  it('the state directory follows OPENCLAW_STATE_DIR, a home asked for, ~/.openclaw, the home', () => {
    const base = { userHome: '/u', currentDirectory: '/here', env: {} };
    const always = () => true;
    const never = () => false;
    assert.equal(resolveStateDirectory({ ...base, env: { OPENCLAW_STATE_DIR: '/s' }, homeFlag: '/h' }, always), '/s');
    assert.equal(resolveStateDirectory({ ...base, homeFlag: '/h' }, always), '/h');
    assert.equal(resolveStateDirectory({ ...base, env: { TACKLE_HOME: '/h' } }, always), '/h');
    assert.equal(resolveStateDirectory(base, always), '/u/.openclaw');
    assert.equal(resolveStateDirectory(base, never), '/u/.tackle');
  });
});

describe('the schema', () => {
  it('is what docs/configuration.md says', () => {
    const path = join(import.meta.dirname, '../../docs/configuration.md');
    assert.ok(
      readFileSync(path, 'utf8') === formatConfigDocs(),
      'it is out of date: node scripts/generate-config-docs.ts',
    );
  });

  it('has no default that it would refuse, and no option or variable twice', () => {
    const names = listConfigFields()
      .flatMap(({ field }) => [field.env, field.flag])
      .filter((name) => name !== undefined);
    assert.equal(new Set(names).size, names.length);
    for (const { path, field } of listConfigFields())
      assert.deepEqual(field.parse(field.defaultValue), field.defaultValue, path);
  });

  it('has no setting that nothing reads', () => {
    const source = join(import.meta.dirname, '..');
    const readers = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/server[\\/]config/.test(path))
      .map((path) => readFileSync(join(source, path), 'utf8'))
      .join('\n');
    const unread = listConfigFields().filter(
      ({ section, name }) =>
        !readers.includes(`${section}.${name}`) && !new RegExp(`\\b${name}\\b[^;]*config\\.${section}`).test(readers),
    );
    assert.deepEqual(
      unread.map(({ path }) => path),
      [],
    );
  });
});
