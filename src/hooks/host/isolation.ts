/** Where a hook's code runs: in a thread of its own, in a process of its own, or in the sandbox. */
import { readFileSync } from 'node:fs';
import type { CatalogHook } from '../catalog.ts';

export type HookIsolation = 'thread' | 'process' | 'sandbox';

/** Code that only works, or is only harmless, in a process of its own. */
const needsProcess = /\bprocess\.(?:chdir|abort|kill|setuid|setgid|umask|dlopen)\s*\(|\.node['"`]\s*\)/;

export function chooseIsolation(item: CatalogHook): HookIsolation {
  if (item.hook.permissions !== undefined) return 'sandbox';
  if (item.entry?.isolation === 'process') return 'process';
  if (item.entry?.isolation === 'thread' || item.hook.rootKind === 'bundled') return 'thread';
  try {
    return needsProcess.test(readFileSync(item.hook.handlerPath, 'utf8')) ? 'process' : 'thread';
  } catch {
    return 'thread';
  }
}
