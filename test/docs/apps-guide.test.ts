// The guide for writing apps: its whole apps are built and go live on a real gateway, its other snippets are at least
// JavaScript, what it links to exists, and `tackle prompt` prints it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parseAst } from 'rolldown/parseAst';
import { createTestSpace } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const root = join(import.meta.dirname, '../..');
const guideFile = join(root, 'docs/apps.md');
const run = promisify(execFile);

interface Snippet {
  readonly language: 'js' | 'ts';
  readonly code: string;
}

function readSnippets(markdown: string): Snippet[] {
  return [...markdown.matchAll(/^```(js|ts)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] as 'js' | 'ts',
    code: match[2]!,
  }));
}

describe('the guide for writing apps', () => {
  let gateway: GatewayProcess;
  let directory: string;
  let guide: string;
  before(async () => {
    [gateway, directory, guide] = await Promise.all([
      startGateway(),
      mkdtemp(join(tmpdir(), 'tackle-guide-')),
      readFile(guideFile, 'utf8'),
    ]);
  });
  after(async () => {
    await gateway.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('shows whole apps that go live', async () => {
    const pages = [guide, await readFile(join(root, 'docs/openapi.md'), 'utf8')];
    const apps = pages.flatMap(readSnippets).filter(({ code }) => code.includes('export default app.init()'));
    assert.ok(apps.length >= 3);
    for (const [index, { code, language }] of apps.entries()) {
      const dir = join(directory, `app-${index}`);
      await mkdir(dir);
      await writeFile(join(dir, `index.${language}`), code);
      await writeFile(join(dir, 'package.json'), '{"name":"guide","type":"module"}');
      await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
      const space = await createTestSpace(gateway, `guide-${index}`);
      const answer = await space.deploy(dir, 'tackle', `index.${language}`);
      assert.equal(answer.status, 201, `${answer.text}\n${code}`);
    }
  });

  it('shows snippets that parse', () => {
    for (const { code, language } of readSnippets(guide)) {
      const imports = code.split('\n').filter((line) => line.startsWith('import '));
      const rest = code.split('\n').filter((line) => !line.startsWith('import '));
      const program = code.includes('export ')
        ? code
        : `${imports.join('\n')}\nexport async function snippet() {\n${rest.join('\n')}\n}\n`;
      assert.doesNotThrow(() => parseAst(program, { lang: language, sourceType: 'module' }), code);
    }
  });

  it('links to pages and headings that exist', async () => {
    const headings = [...guide.matchAll(/^##+ (.*)$/gm)].map((match) =>
      match[1]!.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
    );
    for (const [, target] of guide.matchAll(/\]\(([^)]+)\)/g)) {
      if (target!.startsWith('#')) assert.ok(headings.includes(target!.slice(1)), target);
      else if (!target!.startsWith('http')) await access(join(root, 'docs', target!));
    }
  });

  it('is what tackle prompt prints, without a gateway or a login', async () => {
    const { stdout, stderr } = await run(join(root, 'bin/tackle'), ['prompt'], {
      env: { ...process.env, TACKLE_HOME: join(directory, 'nothing-here'), TACKLE_URL: 'http://127.0.0.1:1' },
    });
    assert.equal(stdout, guide);
    assert.equal(stderr, '');
  });

  it('goes through a pipe that is closed early', async () => {
    const { stdout } = await run('/bin/sh', ['-c', `"${join(root, 'bin/tackle')}" prompt | head -n 1`]);
    assert.equal(stdout, '# Writing apps\n');
  });
});
