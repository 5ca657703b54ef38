import { Command } from 'commander';
import type { Cli } from './cli.ts';
import { type CommandEntry, commandGroups } from './command-table.ts';

const introduction = `# Command line

<!-- Made by scripts/generate-cli-docs.ts from the commands themselves; a test fails when it is out of date. -->

\`tackle\`, \`coho\` and \`codehooks\` are the same program. In a checkout it is \`bin/tackle\`; it works from any directory, through symbolic links, and brings its own Node.

**Which gateway.** On the gateway's own machine nothing needs to be said: the command finds the running gateway and its admin token in the home (\`--home\`, \`TACKLE_HOME\`, \`~/.tackle\`). For a gateway elsewhere give \`--url\` (or \`TACKLE_URL\`) and \`--admintoken\` (or \`TACKLE_ADMIN_TOKEN\`, \`CODEHOOKS_ADMIN_TOKEN\`); \`tackle add-admintoken\` makes such tokens. The token of this machine is never sent to another one.

**Which project and space.** \`--project\` and \`--space\`, else \`config.json\` in the current directory (\`{"name": "<project>", "space": "<space>"}\`, written by \`create\` and \`use\`), else the only project there is and its space \`dev\`.

**Output.** Standard output holds the result and nothing else; notices, progress and errors go to standard error. \`--json\` makes every result JSON; a failure then is \`{"error": {"code", "message", "details"}}\`. Exit codes: 0 done, 1 failed (one line on standard error says why), 2 called wrongly. Colours and progress appear on terminals only; \`NO_COLOR\` is respected.

**Queries.** \`query\` and \`count\` take text in URL style (\`'status=open&age>3'\`, \`'name=/^po/i'\`) or MongoDB JSON (\`'{"age": {"$gt": 3}}'\`).

**Files.** \`import\` reads \`.json\` (an array, or values one after another), \`.jsonl\`/\`.ndjson\`, and \`.csv\`/\`.tsv\` (the first row names the fields; fields that begin with \`_\` are left out; numbers become numbers unless that would change them, so \`007\` stays text). Files are streamed, of any size. A bad document refuses the whole file and names its line; with \`--continue\` the others are imported and the bad ones listed.
`;

/** The text of docs/cli.md. Loads every command. */
export async function formatCliDocs(cli: Cli): Promise<string> {
  const groups: string[] = [];
  for (const { title, commands } of commandGroups) {
    const texts = await Promise.all(commands.map((entry) => formatCommand(entry, cli)));
    groups.push(`\n## ${title}\n\n${texts.join('\n')}`);
  }
  return introduction + groups.join('');
}

async function formatCommand(entry: CommandEntry, cli: Cli): Promise<string> {
  const command = new Command(`tackle ${entry.name}`).description(entry.summary);
  (await entry.load()).configure(command, cli);
  const parts = command.commands.length > 0 ? command.commands : [command];
  const aliases = entry.aliases.length === 0 ? '' : ` Also: ${entry.aliases.map((name) => `\`${name}\``).join(', ')}.`;
  const head = `### ${entry.name}\n\n${capitalize(entry.summary)}.${aliases}\n`;
  return `${head}\n\`\`\`text\n${parts.map((part) => formatHelp(part)).join('\n\n')}\n\`\`\`\n`;
}

function formatHelp(command: Command): string {
  command.configureHelp({ helpWidth: 120, commandDescription: () => '' });
  const parts: string[] = [];
  command.configureOutput({ writeOut: (part) => void parts.push(part) });
  command.outputHelp();
  return parts.join('').trim();
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
