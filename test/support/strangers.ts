import assert from 'node:assert/strict';
import { launcher, run } from '../cli/run-cli.ts';
import { type BuildMode, createTestSpace, type TestSpace } from './admin-client.ts';
import { installApp } from './app-packages.ts';
import type { GatewayProcess } from './gateway-process.ts';

/**
 * A space with one of the apps of test/fixtures/strangers in it: with our library deployed by the command line, as its author
 * would; with the original library as the bundle that the official command line sends.
 */
export async function deployStranger(
  gateway: GatewayProcess,
  app: string,
  mode: BuildMode,
  env: Readonly<Record<string, string>> = {},
): Promise<TestSpace> {
  const directory = await installApp(app);
  const space = await createTestSpace(gateway, `${app}-${mode}`);
  await space.setEnv(env);
  if (mode === 'original') {
    const answer = await space.deploy(directory, mode);
    assert.equal(answer.status, 201, answer.text);
    return space;
  }
  const where = ['--project', space.project, '--url', gateway.url, '--admintoken', gateway.adminToken];
  const deployed = await run(launcher, ['deploy', '--dir', directory, ...where, '--json'], { cwd: directory });
  assert.equal(deployed.code, 0, deployed.stderr);
  assert.equal(JSON.parse(deployed.stdout).deployment.status, 'live');
  return space;
}
