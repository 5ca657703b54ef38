// Writes docs/configuration.md from the configuration schema: node scripts/generate-config-docs.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatConfigDocs } from '../src/server/config-docs.ts';

writeFileSync(join(import.meta.dirname, '../docs/configuration.md'), formatConfigDocs());
