// Secrets with real files in a temporary home; the storage is the record commands in memory.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { TackleError } from '../core/errors.ts';
import { createProjects, createSecrets, ensureAdminTokenFile, openSecrets } from './index.ts';
import { createMemoryRecords } from './testing/memory-records.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'tackle-secrets-'));
});
afterEach(() => rm(home, { recursive: true }));

const failsWith = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof TackleError && error.code === code && text.test(error.message);

describe('sealing', () => {
  const secrets = createSecrets(Buffer.alloc(32, 1));

  test('what was sealed opens again with the same context only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.string(), { maxLength: 3 }), (plain, context) => {
        const sealed = secrets.seal(plain.toWellFormed(), context);
        assert.equal(secrets.open(sealed, context), plain.toWellFormed());
        assert.throws(
          () => secrets.open(sealed, [...context, 'x']),
          failsWith('secret_key_mismatch', /changed or moved/),
        );
      }),
    );
  });

  test('parts of the context cannot be shifted against each other', () => {
    const sealed = secrets.seal('x', ['a', 'b/c']);
    assert.throws(() => secrets.open(sealed, ['a/b', 'c']));
    assert.throws(() => secrets.open(sealed, ['a', 'b', 'c']));
  });

  test('the same text twice gives different ciphertexts, a changed one does not open', () => {
    const sealed = secrets.seal('x', []);
    assert.notEqual(secrets.seal('x', []), sealed);
    const bytes = Buffer.from(sealed.split('.')[2]!, 'base64url');
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed[index]! ^= 1;
      assert.throws(() => secrets.open(`v1.${secrets.keyId}.${changed.toString('base64url')}`, []));
    }
  });

  test('another key is named in the error', () => {
    const other = createSecrets(Buffer.alloc(32, 2));
    const expected = failsWith('secret_key_mismatch', new RegExp(`${secrets.keyId}.*${other.keyId}`));
    assert.throws(() => other.open(secrets.seal('x', []), []), expected);
  });
});

describe('the key of a home', () => {
  test('is made once, readable by its owner only, and found again', async () => {
    const storage = createMemoryRecords();
    const first = await openSecrets({ home, storage });
    const { mode } = await stat(path.join(home, 'secret.key'));
    assert.equal(mode & 0o777, 0o600);
    const second = await openSecrets({ home, storage });
    assert.equal(second.open(first.seal('x', []), []), 'x');
  });

  test('a wrong key, a lost key and a broken key stop the start with a clear message', async () => {
    const storage = createMemoryRecords();
    await openSecrets({ home, storage });
    const wrong = Buffer.alloc(32, 9).toString('base64');
    await assert.rejects(
      openSecrets({ home, storage, keyFromEnv: wrong }),
      failsWith('secret_key_mismatch', /TACKLE_SECRET_KEY is not the one/),
    );
    await writeFile(path.join(home, 'secret.key'), wrong);
    await assert.rejects(
      openSecrets({ home, storage }),
      failsWith('secret_key_mismatch', /secret\.key is not the one/),
    );
    await writeFile(path.join(home, 'secret.key'), 'short');
    await assert.rejects(openSecrets({ home, storage }), failsWith('invalid_config', /32 bytes/));
    await rm(path.join(home, 'secret.key'));
    await assert.rejects(openSecrets({ home, storage }), failsWith('secret_key_mismatch', /is missing/));
  });

  test('the environment can hold it as hex or base64, and then no file is made', async () => {
    const storage = createMemoryRecords();
    const key = Buffer.alloc(32, 5);
    const first = await openSecrets({ home, storage, keyFromEnv: key.toString('hex') });
    const second = await openSecrets({ home, storage, keyFromEnv: key.toString('base64') });
    assert.equal(second.open(first.seal('x', []), []), 'x');
    await assert.rejects(stat(path.join(home, 'secret.key')));
  });
});

test('admin.token is made at the first start, kept, and replaced when its token was revoked', async () => {
  const http = { request: () => Promise.reject(new Error('no network')), [Symbol.asyncDispose]: async () => undefined };
  const secrets = createSecrets(Buffer.alloc(32, 1));
  await using projects = await createProjects({ storage: createMemoryRecords(), secrets, http });
  const filePath = path.join(home, 'admin.token');
  const token = await ensureAdminTokenFile(home, projects);
  const first = await readFile(filePath, 'utf8');
  assert.equal((await stat(filePath)).mode & 0o777, 0o600);
  assert.equal(first, `${token}\n`);
  const grant = projects.authenticateAdmin(token);
  assert.ok(grant.status === 'granted' && grant.token.scope.kind === 'home');
  await ensureAdminTokenFile(home, projects);
  assert.equal(await readFile(filePath, 'utf8'), first);
  const actor = { kind: 'system', id: 'test', name: 'test', address: null } as const;
  await projects.admin.removeAdminToken(grant.token.id, actor);
  await ensureAdminTokenFile(home, projects);
  assert.notEqual(await readFile(filePath, 'utf8'), first);
});
