import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { TackleError } from '../core/errors.ts';
import type { Storage } from '../ports/storage.ts';

/** Encrypts what must not be readable in the database. `context` (project, space, name) is bound to the ciphertext. */
export interface Secrets {
  /** Names the key without revealing it; part of every ciphertext. */
  readonly keyId: string;
  seal(plain: string, context: readonly string[]): string;
  /** Throws `secret_key_mismatch` when the key or the context is another one, or the text was changed. */
  open(sealed: string, context: readonly string[]): string;
}

export interface OpenSecretsOptions {
  /** Directory of `secret.key`. */
  readonly home: string;
  /** TACKLE_SECRET_KEY: 32 bytes as hex or base64. Takes the place of the file. */
  readonly keyFromEnv?: string | undefined;
  readonly storage: Storage;
}

const FORMAT = 'v1';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CHECK = { type: 'secret-check', key: 'current', text: 'tackle', context: ['secret-check'] } as const;

/** AES-256-GCM with a random 96-bit nonce per text. */
export function createSecrets(key: Uint8Array): Secrets {
  if (key.length !== 32)
    throw new TackleError('invalid_config', `The secret key has ${key.length} bytes; it must have 32`);
  const derive = (info: string, length: number) => Buffer.from(hkdfSync('sha256', key, '', `tackle/${info}`, length));
  const keyId = derive('key-id', 4).toString('hex');
  const cipherKey = derive('seal', 32);
  return {
    keyId,
    seal(plain, context) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', cipherKey, iv).setAAD(associatedData(keyId, context));
      const sealed = Buffer.concat([iv, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `${FORMAT}.${keyId}.${sealed.toString('base64url')}`;
    },
    open(sealed, context) {
      const [format, sealedKeyId, payload] = sealed.split('.');
      if (format !== FORMAT || sealedKeyId === undefined || payload === undefined) {
        throw new TackleError(
          'secret_key_mismatch',
          'A stored secret has an unknown format; was it written by a newer version?',
        );
      }
      if (sealedKeyId !== keyId) throw mismatch(sealedKeyId, keyId);
      const bytes = Buffer.from(payload, 'base64url');
      const tag = bytes.subarray(bytes.length - TAG_BYTES);
      try {
        const decipher = createDecipheriv('aes-256-gcm', cipherKey, bytes.subarray(0, IV_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(associatedData(keyId, context)).setAuthTag(tag);
        const plain = decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES), undefined, 'utf8');
        return plain + decipher.final('utf8');
      } catch (cause) {
        throw new TackleError('secret_key_mismatch', `The stored secret ${context.join('/')} was changed or moved`, {
          cause,
        });
      }
    },
  };
}

/**
 * Takes the key from TACKLE_SECRET_KEY or `secret.key` (made at the first start, 0600) and compares it with the check
 * value in the storage. Rejects with `secret_key_mismatch` when this home's data was written with another key, so that
 * a gateway never starts half blind.
 */
export async function openSecrets({ home, keyFromEnv, storage }: OpenSecretsOptions): Promise<Secrets> {
  const check = await storage.read({ kind: 'record.get', type: CHECK.type, key: CHECK.key });
  const keyPath = path.join(home, 'secret.key');
  const source = keyFromEnv === undefined || keyFromEnv === '' ? keyPath : 'TACKLE_SECRET_KEY';
  const key =
    source === keyPath ? await readKeyFile(keyPath, { create: check === null }) : parseKey(keyFromEnv!, source);
  const secrets = createSecrets(key);
  if (check === null) {
    const value = secrets.seal(CHECK.text, CHECK.context);
    await storage.commit([{ kind: 'record.put', type: CHECK.type, key: CHECK.key, value, expect: 'absent' }], {
      lane: { lane: 'system' },
    });
    return secrets;
  }
  try {
    secrets.open(String(check.value), CHECK.context);
  } catch (cause) {
    throw new TackleError(
      'secret_key_mismatch',
      `The key in ${source} is not the one that this home's secrets were encrypted with (${(cause as Error).message}). ` +
        'Put the right key there, or restore a backup that was made with --with-key',
      { cause },
    );
  }
  return secrets;
}

function associatedData(keyId: string, context: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify([FORMAT, keyId, ...context]));
}

function mismatch(stored: string, present: string): TackleError {
  return new TackleError('secret_key_mismatch', `encrypted with key ${stored}, but this is key ${present}`);
}

async function readKeyFile(keyPath: string, { create }: { create: boolean }): Promise<Buffer> {
  const text = await readFile(keyPath, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw new TackleError('invalid_config', `${keyPath} cannot be read: ${cause.message}`, { cause });
  });
  if (text !== null) {
    const { mode } = await stat(keyPath);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) await chmod(keyPath, 0o600);
    return parseKey(text, keyPath);
  }
  if (!create) {
    throw new TackleError(
      'secret_key_mismatch',
      `${keyPath} is missing, but this home holds secrets that were encrypted with it. Put it back, or set TACKLE_SECRET_KEY`,
    );
  }
  const key = randomBytes(32);
  await writePrivateFile(keyPath, `${key.toString('base64')}\n`);
  return key;
}

function parseKey(text: string, source: string): Buffer {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex');
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed) ? Buffer.from(trimmed, 'base64') : Buffer.alloc(0);
  if (bytes.length === 32) return bytes;
  throw new TackleError(
    'invalid_config',
    `${source} does not hold 32 bytes as base64 or hex; make one with: openssl rand -base64 32`,
  );
}

/** Writes a file that only its owner can read; it appears whole or not at all. Without `replace` it must not exist yet. */
export async function writePrivateFile(target: string, content: string, { replace = false } = {}): Promise<void> {
  const temporary = `${target}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  if (replace) {
    await rename(temporary, target);
    return;
  }
  try {
    await link(temporary, target);
  } finally {
    await unlink(temporary);
  }
}
