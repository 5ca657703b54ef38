/** How the command line is called and what it says when called wrongly. Real: the program. No gateway runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createCli } from '../../src/cli/cli.ts';
import { formatCliDocs } from '../../src/cli/cli-docs.ts';
import { commandEntries } from '../../src/cli/command-table.ts';
import { launcher, type RunOptions, repositoryRoot, run } from './run-cli.ts';

const directory = mkdtempSync(join(tmpdir(), 'tackle-calling-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function tackle(args: readonly string[], options: RunOptions = {}) {
  const env = {
    TACKLE_HOME: join(directory, 'home'),
    TACKLE_URL: undefined,
    TACKLE_LAUNCHER: undefined,
    ...options.env,
  };
  return run(launcher, args, { cwd: directory, ...options, env });
}

describe('the table of commands', () => {
  it('has no name twice', () => {
    const names = commandEntries.flatMap(({ name, aliases }) => [name, ...aliases]);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
  });

  it('is what docs/cli.md says', async () => {
    const text = readFileSync(join(repositoryRoot, 'docs/cli.md'), 'utf8');
    assert.ok(text === (await formatCliDocs(createCli())), 'it is out of date: node scripts/generate-cli-docs.ts');
  });
});

describe('help', () => {
  it('is printed for no command, help, --help, and for one command', async () => {
    for (const args of [[], ['help'], ['--help']]) {
      const { code, stdout, stderr } = await tackle(args);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      for (const { name } of commandEntries) assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    }
    for (const args of [
      ['deploy', '--help'],
      ['help', 'de'],
      ['deploy', '-h'],
    ]) {
      const { code, stdout } = await tackle(args);
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: tackle deploy \[options\]/);
    }
  });
});

describe('a call that is wrong', () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['deplyo'], /^tackle: unknown command 'deplyo'\. Did you mean 'deploy'\?\n$/],
    [['frobnicate'], /^tackle: unknown command 'frobnicate'\. 'tackle help' lists the commands\.\n$/],
    [['get', '--keyspce', 'x'], /^tackle: unknown option '--keyspce' \(Did you mean --keyspace\?\)\n$/],
    [['set', 'key'], /^tackle: missing required argument 'value'\. See 'tackle set --help'\.\n$/],
    [
      ['set', 'a', 'b', '--ttl', 'soon'],
      /^tackle: option '--ttl <ms>' argument 'soon' is invalid\. It must be an integer/,
    ],
    [['deploy', '--ghost'], /^tackle: unknown option '--ghost'\. See 'tackle deploy --help'\.\n$/],
    [['topic'], /^Usage: tackle topic \[options\] \[command\]\n/],
    [['workflow', 'event', 'x'], /^tackle: unknown command 'event'\. See 'tackle workflow --help'\.\n$/],
    [['task', '--state', 'odd'], /Allowed choices are ready, scheduled/],
    [['log', '--level', 'loud'], /Allowed choices are error, warn, log, info, debug/],
    [['add-token', '--expires', 'yesterday'], /a date in the future/],
  ];
  for (const [args, message] of wrong) {
    it(`exits with 2 and a reason: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await tackle(args);
      assert.match(stderr, message);
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    });
  }

  it('is JSON on standard output for who asked for JSON', async () => {
    const { code, stdout, stderr } = await tackle(['versions', '--json']);
    assert.equal(code, 1);
    assert.equal(JSON.parse(stdout).error.code, 'not_found');
    assert.match(stderr, /^tackle: No gateway is running for the home .*\n$/);
  });
});

describe('without a running gateway', () => {
  it('a command says how to start one', async () => {
    const { code, stderr } = await tackle(['query', 'users', 'a=1']);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^tackle: No gateway is running for the home .*home\. Start it with 'tackle up --home .*home'/,
    );
  });

  it('a command says that nobody answers at a named address, and does not send the local token there', async () => {
    const local = await tackle(['get', 'a', '--url', 'http://127.0.0.1:1', '--admintoken', 'x', '-p', 'a']);
    assert.match(local.stderr, /^tackle: No gateway answers at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/);
    const remote = await tackle(['projects', '--url', 'https://gateway.example.com']);
    assert.match(
      remote.stderr,
      /^tackle: https:\/\/gateway\.example\.com needs an admin token: --admintoken or TACKLE_ADMIN_TOKEN/,
    );
    const nonsense = await tackle(['projects', '--url', 'localhost']);
    assert.match(nonsense.stderr, /'localhost' is not the URL of a gateway/);
  });

  it('a file is checked before anything is asked of a gateway', async () => {
    const missing = await tackle(['import', '-c', 'users', '-f', 'nowhere.json']);
    assert.match(missing.stderr, /There is no file .*nowhere\.json/);
    writeFileSync(join(directory, 'bad.jsonl'), '{"a": 1}\n{"a": \n[1]\n{"a": 2}\n');
    const dry = await tackle(['import', 'users', 'bad.jsonl', '--dryrun']);
    assert.equal(dry.code, 1);
    assert.match(dry.stderr, /^line 2: .*\nline 3: A document must be an object\n$/);
    assert.equal(dry.stdout, '2 documents would be imported into users, 2 left out.\n');
  });
});

describe('configuration from the command line', () => {
  it('shows each value with its source', async () => {
    const { stdout } = await tackle(
      ['config', 'show', '--json', '--trust-proxy', '::1', '--trust-proxy', '10.0.0.0/8'],
      {
        env: { TACKLE_PORT: '4000' },
      },
    );
    const { settings } = JSON.parse(stdout) as { settings: { path: string; value: unknown; source: string }[] };
    const get = (name: string) => settings.find(({ path }) => path === name);
    assert.deepEqual(get('server.port'), { path: 'server.port', value: 4000, source: 'TACKLE_PORT' });
    assert.deepEqual(get('server.trustProxy')?.value, ['::1', '10.0.0.0/8']);
  });

  it('refuses a value that is not allowed, before anything starts', async () => {
    for (const args of [['up'], ['config', 'validate']]) {
      const { code, stderr } = await tackle([...args, '--port', '70000']);
      assert.equal(code, 1);
      assert.equal(stderr, 'tackle: server.port, set by --port, must be an integer from 0 to 65535; "70000" is not.\n');
    }
  });
});

describe('service files', () => {
  it('hold the program, the home and the options of up', async () => {
    const args = ['service', 'install', '--print', '--home', '/srv/my home', '--', '--port', '4000'];
    const { code, stdout } = await tackle(args);
    assert.equal(code, 0);
    assert.ok(stdout.includes(`ExecStart=${launcher} up --home "/srv/my home" --port 4000`), stdout);
  });
});
