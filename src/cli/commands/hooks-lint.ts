import path from 'node:path';
import type { Command } from 'commander';
import { type HooksCliContext, printJson, readCatalog, runVerb } from './hooks-context.ts';

interface LintResult {
  readonly name: string;
  readonly path: string;
  readonly lints: readonly { readonly code: string; readonly message: string }[];
}

export function addLintCommand(hooks: Command, context: HooksCliContext): void {
  hooks
    .command('lint')
    .description('look for mistakes in hooks without running them')
    .argument('[path]', 'a hook or a pack; every hook that is found when left out')
    .option('--json', 'print JSON')
    .action((target: string | undefined, options: { json?: boolean }, command: Command) =>
      runVerb(context, async () => {
        const results =
          target === undefined ? await lintAll(command, context) : await lintPath(path.resolve(context.cwd, target));
        const findings = results.filter((item) => item.lints.length > 0);
        if (findings.length > 0) context.setExitCode(1);
        if (options.json) {
          printJson(context, results);
          return;
        }
        if (findings.length === 0)
          context.write(`No findings in ${results.length} hook${results.length === 1 ? '' : 's'}.`);
        for (const item of findings) {
          context.write(`${item.name} (${item.path})`);
          for (const lint of item.lints) context.write(`  ${lint.code}: ${lint.message}`);
        }
      }),
    );
}

async function lintAll(command: Command, context: HooksCliContext): Promise<LintResult[]> {
  const [catalog, { lintHook }] = await Promise.all([readCatalog(command, context), import('../../hooks/lint.ts')]);
  const results: LintResult[] = [];
  for (const { hook } of catalog.hooks)
    results.push({ name: hook.name, path: hook.baseDir, lints: await lintHook(hook) });
  for (const problem of catalog.problems) {
    results.push({
      name: path.basename(problem.path),
      path: problem.path,
      lints: [{ code: 'not_a_hook', message: problem.message }],
    });
  }
  return results;
}

async function lintPath(dir: string): Promise<LintResult[]> {
  const [{ discoverHooks }, { lintHook }] = await Promise.all([
    import('../../hooks/discovery/discover-hooks.ts'),
    import('../../hooks/lint.ts'),
  ]);
  const found = await discoverHooks([{ dir, kind: 'extra' }], { trustedSymlinkRoots: [], lenientMetadata: false });
  const results: LintResult[] = [];
  for (const hook of found.hooks) results.push({ name: hook.name, path: hook.baseDir, lints: await lintHook(hook) });
  for (const problem of found.problems) {
    results.push({
      name: path.basename(problem.path),
      path: problem.path,
      lints: [{ code: 'not_a_hook', message: problem.message }],
    });
  }
  if (results.length === 0)
    results.push({
      name: path.basename(dir),
      path: dir,
      lints: [{ code: 'no_hook', message: `No hook found in ${dir}.` }],
    });
  return results;
}
