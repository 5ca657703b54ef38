import { type FieldEntry, listConfigFields, openBlocks } from './config.ts';

const introduction = `# Configuration

<!-- Made by scripts/generate-config-docs.ts from src/server/config.ts; a test fails when it is out of date. -->

Settings live in \`tackle.json\` in the home (\`--home\`, else \`TACKLE_HOME\`, else \`~/.tackle\`). The file is JSON5 (comments and trailing commas are welcome), may take in other files of its directory with \`$include\`, and replaces \`\${NAME}\` by environment variables. Options of \`tackle up\` win over environment variables, those over the file, the file over the defaults. A value that is not allowed stops the start with a message that names the field, where it was set and what is allowed; so does a name that does not exist.

\`\`\`json5
{
  server: { port: 3011, publicUrl: 'https://hooks.example.com', trustProxy: ['127.0.0.1'] },
  apps: { memoryMb: 512 },
  logging: { level: 'warn' },
}
\`\`\`

\`tackle config show\` prints every value with its source, \`tackle config validate\` only checks. Changes take effect at the next start.
`;

const homeSection = `
## Directories

| what | option | environment | default |
|---|---|---|---|
| home: Tackle's data, \`tackle.json\`, \`admin.token\` | \`--home <directory>\` | \`TACKLE_HOME\` | \`~/.tackle\` |
| state directory: OpenClaw's configuration, hooks and workspaces | | \`OPENCLAW_STATE_DIR\` | the home if it was given by option or variable; else \`~/.openclaw\` if it exists; else the home |

The blocks ${openBlocks.map((name) => `\`${name}\``).join(', ')} are read from \`openclaw.json\` in the state directory, and from \`tackle.json\` where the former has none.
`;

/** The text of docs/configuration.md. */
export function formatConfigDocs(): string {
  const sections = Map.groupBy(listConfigFields(), ({ section }) => section);
  const tables = [...sections].map(([section, fields]) => `\n## ${section}\n\n${formatTable(fields)}\n`);
  return introduction + homeSection + tables.join('');
}

function formatTable(fields: readonly FieldEntry[]): string {
  const head = '| setting | meaning | allowed | default | option | environment |\n|---|---|---|---|---|---|';
  const rows = fields.map(({ path, field }) => {
    const value = field.secret ? '' : code(JSON.stringify(field.defaultValue));
    const cells = [code(path), field.description, field.allowed, value, code(field.flag), code(field.env)];
    return `| ${cells.join(' | ')} |`;
  });
  return [head, ...rows].join('\n');
}

function code(text: string | undefined): string {
  return text === undefined ? '' : `\`${text}\``;
}
