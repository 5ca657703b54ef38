import { commandGroups } from './command-table.ts';
import { readVersion } from './version.ts';

/** The text of `tackle help`. */
export function formatHelp(): string {
  const width = Math.max(...commandGroups.flatMap(({ commands }) => commands.map(({ name }) => name.length)));
  const groups = commandGroups.map(({ title, commands }) => {
    const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
    return `${title}\n${lines.join('\n')}`;
  });
  return `tackle ${readVersion()}: hooks, lines and sinks for AI agents, on your own machine

Usage: tackle <command> [options]        'tackle <command> --help' explains one

${groups.join('\n\n')}

On every command that talks to a gateway
  --url <url>          a gateway elsewhere (TACKLE_URL); else the one that runs here
  --admintoken <token> (TACKLE_ADMIN_TOKEN, CODEHOOKS_ADMIN_TOKEN); not needed on the gateway's own machine
  --home <directory>   home of the gateway that runs here (TACKLE_HOME, ~/.tackle)
  -p, --project <name> and -s, --space <name>; else those in ./config.json, else the only project and space 'dev'
  --json               the result as JSON on stdout, and nothing else there
`;
}
