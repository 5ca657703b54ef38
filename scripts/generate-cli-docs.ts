// Writes docs/cli.md from the commands: node scripts/generate-cli-docs.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCli } from '../src/cli/cli.ts';
import { formatCliDocs } from '../src/cli/cli-docs.ts';

writeFileSync(join(import.meta.dirname, '../docs/cli.md'), await formatCliDocs(createCli()));
