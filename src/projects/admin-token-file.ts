import { chmod, readFile } from 'node:fs/promises';
import path from 'node:path';
import { writePrivateFile } from './secrets.ts';
import type { Projects } from './types.ts';

const FILE_NAME = 'admin.token';

/**
 * Makes sure that `admin.token` in the home (0600) holds a token of this gateway, for the command line on the same
 * machine. A file whose token is not valid any more is replaced. Returns the token.
 */
export async function ensureAdminTokenFile(home: string, projects: Projects): Promise<string> {
  const filePath = path.join(home, FILE_NAME);
  const present = await readFile(filePath, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const token = present?.trim() ?? '';
  if (projects.authenticateAdmin(token).status === 'granted') {
    await chmod(filePath, 0o600);
    return token;
  }
  const { secret } = await projects.admin.createAdminToken(
    { scope: { kind: 'home' }, description: 'command line on this machine (admin.token)' },
    { kind: 'system', id: 'start', name: 'gateway start', address: null },
  );
  await writePrivateFile(filePath, `${secret}\n`, { replace: true });
  return secret;
}
