import type * as Crypto from 'node:crypto';
import { createRequire } from 'node:module';

const load = createRequire('file:///app/app.js') as (name: 'node:crypto') => typeof Crypto;

/** The value with its signature, as cookie parsers read it. Loads cryptography only now: few apps ask for it. */
export function signCookie(value: string, secret: string): string {
  const signature = load('node:crypto').createHmac('sha256', secret).update(value).digest('base64');
  return `s:${value}.${signature.replace(/=+$/, '')}`;
}
