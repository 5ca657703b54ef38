import { cpus } from 'node:os';

/** Prints rows as a Markdown table, with the machine and the date above it. */
export function printTable(title, rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const machine = `${cpus().length} × ${cpus()[0].model}, Node ${process.versions.node}`;
  console.log(`\n## ${title}\n\n${new Date().toISOString().slice(0, 10)}, ${machine}\n`);
  console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|`);
  for (const row of rows) console.log(`| ${columns.map((column) => row[column] ?? '').join(' | ')} |`);
}
