/**
 * The command line against a gateway, the way a person uses it: every command is the real program in a process of its own,
 * the gateway is real, and nothing is configured but TACKLE_HOME.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';
import { launcher, type RunResult, run } from './run-cli.ts';

const directory = mkdtempSync(join(tmpdir(), 'tackle-cli-'));
const app = join(directory, 'shop');
let gateway: GatewayProcess;

before(async () => {
  gateway = await startGateway();
});
after(async () => {
  await gateway?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function environment(): Record<string, string | undefined> {
  return { TACKLE_HOME: gateway.home, TACKLE_URL: undefined, TACKLE_ADMIN_TOKEN: undefined, NO_COLOR: '1' };
}

function tackle(args: readonly string[], cwd = app, env: Record<string, string | undefined> = {}): Promise<RunResult> {
  return run(launcher, args, { cwd, env: { ...environment(), ...env } });
}

/** The result of a command that must succeed. */
async function succeed(args: readonly string[], cwd = app): Promise<string> {
  const { code, stdout, stderr } = await tackle(args, cwd);
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

async function succeedWithJson<Result>(args: readonly string[], cwd = app): Promise<Result> {
  return JSON.parse(await succeed([...args, '--json'], cwd)) as Result;
}

/** The one line that a command fails with. */
async function fail(args: readonly string[], cwd = app): Promise<string> {
  const { code, stderr, stdout } = await tackle(args, cwd);
  assert.equal(code, 1, `${args.join(' ')} should fail: ${stdout}${stderr}`);
  assert.match(stderr, /^tackle: .*\n/);
  return stderr;
}

describe('a project', { concurrency: false }, () => {
  it('is created with a directory that can be deployed as it is', async () => {
    const text = await succeed(['create', 'shop'], directory);
    assert.match(text, /^Project shop-[a-z0-9]+ with space dev: http/);
    const config = JSON.parse(readFileSync(join(app, 'config.json'), 'utf8')) as { name: string; space: string };
    assert.match(config.name, /^shop-/);
    assert.equal(config.space, 'dev');
    assert.match(await fail(['create', 'shop'], directory), /belongs to a project already/);
    assert.match(await fail(['create', 'Not A Name'], directory), /name/i);
    const elsewhere = join(directory, 'elsewhere');
    mkdirSync(elsewhere);
    const second = await tackle(['create', 'shop'], elsewhere);
    const id = /^Project (shop-\w+)/.exec(second.stdout)?.[1] as string;
    assert.match(second.stderr, new RegExp(`keeps the address /p/shop; this one is at /p/${id}\\n`));
    await succeed(['remove-project', id, '--yes'], elsewhere);
    assert.ok(!existsSync(join(directory, 'Not A Name')));
  });

  it('has its app live within moments', async () => {
    const text = await succeed(['deploy']);
    assert.match(text, /^Project: shop-\S+ {2}Space: dev\nVersion 1 is live: (http\S+) /);
    const response = await fetch(`${gateway.url.replace('127.0.0.1', 'localhost')}/dev/hello?name=you`);
    assert.deepEqual(await response.json(), { hello: 'you' });
  });

  it('shows its URLs, tokens and curl commands', async () => {
    const text = await succeed(['info', '--examples']);
    assert.match(text, /Tokens {8}[0-9a-f-]{36} \(RW\)/);
    assert.match(text, /curl http\S+\/dev\/hello \\\n/);
    assert.match(text, /curl -X POST http\S+\/dev\/notes \\\n/);
    const info = await succeedWithJson<{ spaces: { name: string }[] }>(['info']);
    assert.deepEqual(
      info.spaces.map(({ name }) => name),
      ['dev'],
    );
    assert.match(await fail(['info', 'nobody']), /nobody/);
  });

  it('keeps versions, goes back, and is taken offline', async () => {
    writeFileSync(join(app, 'index.js'), `${readFileSync(join(app, 'index.js'), 'utf8')}\n// second\n`);
    const deployed = await succeedWithJson<{ deployment: { version: number } }>(['deploy']);
    assert.equal(deployed.deployment.version, 2);
    assert.match(await succeed(['versions']), /2 +live/);
    assert.match(await succeed(['rollback']), /^Version 1 is live/);
    assert.match(await succeed(['rollback', '2']), /^Version 2 is live/);
    assert.match(await fail(['rollback', '99']), /99/);
    assert.match(await succeed(['undeploy']), /^Took version 2 offline/);
    assert.match(await succeed(['deploy', '--history']), /^Version/);
    await succeed(['deploy']);
  });

  it('says where a build failed, and keeps the old version', async () => {
    const broken = join(directory, 'broken');
    mkdirSync(broken, { recursive: true });
    writeFileSync(join(broken, 'config.json'), readFileSync(join(app, 'config.json')));
    writeFileSync(join(broken, 'index.js'), "import { app } from 'codehooks-js';\napp.get('/x', (;\n");
    assert.match(await fail(['deploy'], broken), /index\.js:2/);
    writeFileSync(join(broken, 'index.js'), "import { app } from 'codehooks-js';\nthrow new Error('at start');\n");
    // Once, and where it was.
    assert.match(await fail(['deploy'], broken), /^tackle: .*Error: at start\n +at index\.js:2:\d+\n/);
    const throwsAtStart =
      "import { app } from 'codehooks-js';\nexport default app.init(() => { throw new TypeError('no'); });\n";
    writeFileSync(join(broken, 'index.js'), throwsAtStart);
    assert.match(await fail(['deploy'], broken), /^tackle: Failed execution on deploy: TypeError: no\n +at /);
    assert.match(await succeed(['versions']), /live/);
  });

  it('can have more spaces', async () => {
    assert.match(await succeed(['add', 'prod']), /^Space prod of shop-/);
    assert.match(await fail(['add', 'prod']), /prod/);
    await succeed(['use', 'prod']);
    assert.match(readFileSync(join(app, 'config.json'), 'utf8'), /"space": "prod"/);
    await succeed(['use', 'dev']);
    assert.match(await fail(['use', 'nowhere']), /nowhere/);
    assert.match(await fail(['remove-space', 'prod']), /--yes/);
    await succeed(['remove-space', 'prod', '--yes']);
  });
});

describe('documents', { concurrency: false }, () => {
  it('are imported from JSON, JSONL and CSV, and found', async () => {
    writeFileSync(
      join(app, 'a.json'),
      '[\n {"_id": "1", "name": "Ann", "age": 42},\n {"_id": "2", "name": "Bob", "age": 7}\n]',
    );
    writeFileSync(join(app, 'b.jsonl'), '{"_id": "3", "name": "Cy", "age": 9}\n');
    writeFileSync(join(app, 'c.csv'), 'name,age\n"Dee, D.",50\n');
    assert.equal(await succeed(['import', '-c', 'people', '--file', 'a.json']), '2 documents imported into people.\n');
    await succeed(['import', 'people', 'b.jsonl']);
    await succeed(['import', '--filepath', 'c.csv', '--collection', 'people']);
    assert.equal(await succeed(['count', 'people']), '4\n');
    const found = JSON.parse(
      await succeed(['query', 'people', 'age>8', '--sort', '-age', '--fields', 'name']),
    ) as object[];
    assert.deepEqual(
      found.map((document) => (document as { name: string }).name),
      ['Dee, D.', 'Ann', 'Cy'],
    );
    const byJson = await succeed([
      'query',
      '-c',
      'people',
      '-q',
      '{"name": {"$regex": "^A"}}',
      '--csv',
      '--fields',
      'name,age',
    ]);
    assert.match(byJson, /Ann,42|42,Ann/);
    const inRange = JSON.parse(await succeed(['query', 'people', '--useindex', 'age', '--start', '8', '--end', '42']));
    assert.deepEqual(
      (inRange as { age: number }[]).map(({ age }) => age),
      [9, 42],
    );
    assert.equal(await succeed(['query', 'people', '--useindex', 'age', '--start', '"8"']), '[]\n');
    assert.match(
      await succeed(['describe']),
      /^shop-.*, space dev: http.*\n(?:.*\n)*Collections: 1\n {2}people {2}4 documents/,
    );
    assert.equal(JSON.parse(await succeed(['describe', '--json'])).collections[0].name, 'people');
    assert.match(await succeed(['query', 'people', 'name=/^b/i', '--table']), /Bob/);
    assert.equal((await succeed(['query', 'people', '--limit', '2', '--jsonl'])).trim().split('\n').length, 2);
  });

  it('that are not valid refuse the file, with their line in the file', async () => {
    writeFileSync(join(app, 'bad.json'), '[\n {"n": 1},\n\n {"n": oops},\n {"n": 3}\n]');
    assert.match(await fail(['import', 'numbers', 'bad.json']), /Nothing was imported: line 4/);
    assert.equal(await succeed(['count', 'numbers']), '0\n');
    writeFileSync(join(app, 'cut.json'), '[{"n": 1}');
    assert.match(await fail(['import', 'numbers', 'cut.json']), /no closing bracket\. Nothing was imported/);
    const { stdout, stderr } = await tackle(['import', 'numbers', 'bad.json', '--continue']);
    assert.equal(stdout, '2 documents imported into numbers, 1 left out.\n');
    assert.match(stderr, /^line 4: /);
  });

  it('are exported in every format, to a file that appears when it is complete', async () => {
    const exported = JSON.parse(await succeed(['export', 'people'])) as unknown[];
    assert.equal(exported.length, 4);
    await succeed(['export', '-c', 'people', '--csv', '--file', 'people.csv']);
    assert.match(readFileSync(join(app, 'people.csv'), 'utf8'), /^_id,name,age\n/);
    assert.match(await succeed(['export', 'people', '--jsonl']), /"_id":"1".*\n/);
    assert.match(
      await fail(['export', 'people', '--file', 'no/such/directory/x.json']),
      /There is no directory .*directory to write into/,
    );
  });

  it('of a collection that is not there are none, with a note of the name that may be meant', async () => {
    for (const args of [
      ['query', 'peopel'],
      ['export', 'peopel'],
      ['count', 'peopel'],
      ['query', 'peopel', '{}', '--delete'],
    ]) {
      const { code, stdout, stderr } = await tackle(args);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^(?:\[\]\n|0\n|\{\n {2}"count": 0\n\}\n)$/, args.join(' '));
      assert.match(
        stderr,
        /^note: shop-\w+\/dev has no collection 'peopel'\. Did you mean 'people'\?\n$/,
        args.join(' '),
      );
    }
    assert.equal((await tackle(['query', 'people', 'name=Nobody'])).stderr, '');
  });

  it('are changed and deleted by query', async () => {
    const update = ['query', 'people', 'name=Bob', '--update', '{"$set": {"age": 8}}'];
    assert.deepEqual(JSON.parse(await succeed(update)), { count: 1 });
    assert.match(await succeed(['query', 'people', 'name=Bob']), /"age":8/);
    assert.deepEqual(JSON.parse(await succeed(['query', 'people', 'name=Bob', '--delete'])), { count: 1 });
    assert.match(await fail(['query', 'people', '--delete']), /--delete needs a query/);
    assert.match(await fail(['query', 'people', '{"a": {"$what": 1}}']), /\$what/);
  });

  it('live in collections with indexes, schemas and caps', async () => {
    await succeed(['createcollection', 'orders', '--cap', '100']);
    assert.match(await succeed(['createindex', 'orders', 'status', 'total']), /status.*total/);
    assert.match(await succeed(['removeindex', 'orders', 'total']), /^Indexes of orders: status\n/);
    writeFileSync(join(app, 'schema.json'), '{"type": "object", "required": ["status"]}');
    await succeed(['add-schema', 'orders', '--schema', 'schema.json']);
    writeFileSync(join(app, 'orders.json'), '[{"total": 1}]');
    assert.match(await fail(['import', 'orders', 'orders.json']), /status/);
    await succeed(['remove-schema', 'orders']);
    await succeed(['cap-collection', 'orders', '--cap', '5']);
    await succeed(['uncap-collection', 'orders']);
    assert.match(await succeed(['collection']), /^Collection .*\n(.*\n)*orders +0 +status/);
    await succeed(['dropcollection', 'orders']);
    assert.doesNotMatch(await succeed(['coll']), /orders/);
  });
});

describe('values', { concurrency: false }, () => {
  it('are written, read, listed by prefix and deleted', async () => {
    await succeed(['set', 'user:1', 'Ann']);
    await succeed(['set', 'user:2', 'a/b c', '--keyspace', 'other']);
    assert.equal(await succeed(['get', 'user:1', '--text']), 'Ann\n');
    assert.deepEqual(JSON.parse(await succeed(['get', 'user:*'])), [{ key: 'user:1', value: 'Ann' }]);
    assert.equal(await succeed(['get', 'user:2', 'other', '--text']), 'a/b c\n');
    await succeed(['del', 'user:1']);
    assert.match(await fail(['get', 'user:1']), /no key 'user:1'/);
    assert.deepEqual(JSON.parse(await succeed(['get', 'user:*'])), []);
  });
});

describe('settings', { concurrency: false }, () => {
  it('are tokens, variables, addresses and domains', async () => {
    const token = await succeedWithJson<{ key: string; access: string }>([
      'add-token',
      '--readonly',
      '--expires',
      '30d',
    ]);
    assert.equal(token.access, 'READ');
    await succeed(['remove-token', token.key]);
    assert.equal(await succeed(['set-env', 'GREETING', 'hello world']), 'GREETING=hello world\n');
    assert.equal(await succeed(['set-env', 'SECRET=s3cret', '--encrypted']), 'SECRET=********\n');
    assert.doesNotMatch(await succeed(['info', '--json']), /s3cret/);
    await succeed(['remove-env', 'SECRET']);
    assert.match(await fail(['set-env', '1x', 'y']), /1x|name/i);
    assert.equal(await succeed(['whitelist', '10.1.2.3']), '10.1.2.3\n');
    await succeed(['whitelist-remove', '10.1.2.3']);
    assert.match(await fail(['whitelist', 'example.com']), /example\.com|IPv4/);
    await succeed(['jwks', 'https://example.com/.well-known/jwks.json']);
    assert.equal(await succeed(['jwks']), 'https://example.com/.well-known/jwks.json\n');
    await succeed(['jwks', '']);
    assert.match(
      await succeed(['domain', 'add', 'shop.example.com', '--space', 'dev']),
      /^shop\.example\.com serves shop-/,
    );
    assert.match(await succeed(['domain', 'list']), /shop\.example\.com +shop-\S+ +dev/);
    await succeed(['domain', 'remove', 'shop.example.com']);
    assert.doesNotMatch(await succeed(['domains']), /shop\.example/);
  });

  it('an admin token opens the gateway from elsewhere, until it is removed', async () => {
    const { id, secret } = await succeedWithJson<{ id: string; secret: string }>([
      'add-admintoken',
      '--description',
      'ci',
    ]);
    const elsewhere = { TACKLE_HOME: join(directory, 'no-home') };
    const remote = ['projects', '--url', gateway.url];
    assert.match((await tackle(remote, app, elsewhere)).stderr, /There is no admin token at/);
    const withToken = { ...elsewhere, CODEHOOKS_ADMIN_TOKEN: secret };
    assert.equal((await tackle(remote, app, withToken)).code, 0);
    assert.match(await succeed(['admintokens']), new RegExp(`${id}.*ci`));
    await succeed(['remove-admintoken', id]);
    const after = await tackle(remote, app, withToken);
    assert.equal(after.code, 1);
    assert.match(after.stderr, /^tackle: /);
  });
});

describe('looking after it', { concurrency: false }, () => {
  it('the log is shown, filtered and followed', async () => {
    const logging = join(directory, 'logging');
    mkdirSync(logging);
    writeFileSync(
      join(logging, 'index.js'),
      `import { app } from 'codehooks-js';
app.auth('/*', (req, res, next) => next());
app.get('/say', (req, res) => { console.log('said', req.query.what); console.error('bad', req.query.what); res.end(); });
export default app.init();
`,
    );
    await succeed(['create', 'logging', '--here', '--empty'], logging);
    const { urls } = await succeedWithJson<{ urls: { path: string } }>(['deploy'], logging);
    const child = spawn(launcher, ['log', '-f', '--json'], { cwd: logging, env: { ...process.env, ...environment() } });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    try {
      const say = (what: string) => fetch(`${urls.path.replace('127.0.0.1', 'localhost')}/say?what=${what}`);
      await say('first');
      const first = JSON.parse((await lines.next()).value as string) as { log: string; logtype: string };
      assert.match(first.log, /said first/);
      const text = await succeed(['log', '--filter', 'first', '--tail', '10'], logging);
      assert.match(text, /said first\n(.*\n)*.*bad first/);
      assert.doesNotMatch(await succeed(['log', '--level', 'error'], logging), /said/);
    } finally {
      child.kill();
    }
  });

  it('the doctor reports the machine, the gateway and the space as JSON', async () => {
    const { stdout } = await tackle(['doctor']);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    for (const key of ['project', 'space', 'collections', 'gateway', 'machine', 'problems'])
      assert.ok(key in report, key);
  });

  it('a backup is one file that is not overwritten by accident', async () => {
    const text = await succeed(['backup', 'all.tar']);
    assert.match(text, /^Wrote .*all\.tar \(.*B\)\.\n$/);
    assert.match(await fail(['backup', 'all.tar']), /exists/);
    assert.match(
      await fail(['backup', 'no/such/all.tar']),
      /^tackle: There is no directory \S+no\/such to write into\.\n$/,
    );
  });

  it('a command without a project says which there are', async () => {
    const message = await fail(['collection'], directory);
    assert.match(message, /Which project\? Name one with --project: .*shop-/);
    assert.match(await succeed(['collection', '--projectname', 'shop'], directory), /people/);
  });

  it('a reader that goes away is no error', async () => {
    const { code, stderr } = await run('sh', ['-c', `'${launcher}' query people | head -c 1`], {
      cwd: app,
      env: environment(),
    });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });
});
