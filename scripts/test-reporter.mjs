// Reporter for `node --test`: one line per file as it ends, every failure in full at the end, then the counts.
import { relative } from 'node:path';

const maximumLinesOfOutput = 60;

/** @param {AsyncIterable<{type: string, data: any}>} source events of node:test */
export default async function* report(source) {
  const files = new Map();
  const failures = [];
  const skipped = [];
  let totals;
  for await (const { type, data } of source) {
    const file = data.file === undefined ? undefined : getFile(files, data.file);
    if ((type === 'test:stdout' || type === 'test:stderr') && file) file.output.push(data.message);
    if (type === 'test:fail' && isOwnFailure(data)) failures.push({ ...data, output: file?.output });
    if (type === 'test:pass' && data.skip !== undefined) skipped.push(data);
    if (type !== 'test:summary') continue;
    if (data.file === undefined) totals = data;
    else yield formatFile(data);
  }
  for (const test of skipped) yield `skipped: ${test.name}${typeof test.skip === 'string' ? ` (${test.skip})` : ''}\n`;
  for (const failure of failures) yield formatFailure(failure);
  if (totals) yield formatTotals(totals);
}

function getFile(files, path) {
  const file = files.get(path) ?? { output: [] };
  files.set(path, file);
  return file;
}

/** What failed only because something in it did, or because what it is part of did, says nothing new. */
function isOwnFailure({ details }) {
  return !['subtestsFailed', 'cancelledByParent'].includes(details.error?.failureType);
}

function formatFile({ file, counts, duration_ms: durationMs, success }) {
  const name = relative(process.cwd(), file);
  const failed = success ? '' : `, ${counts.failed + counts.cancelled} FAILED`;
  return `${success ? 'ok    ' : 'FAILED'} ${name} (${counts.passed} passed${failed}, ${(durationMs / 1000).toFixed(1)} s)\n`;
}

function formatFailure({ name, file, line, details, output = [] }) {
  const where = file === undefined ? '' : ` (${relative(process.cwd(), file)}${line === undefined ? '' : `:${line}`})`;
  const cause = details.error?.cause ?? details.error;
  const reason = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const lines = output.join('').trimEnd().split('\n').filter(Boolean).slice(-maximumLinesOfOutput);
  const shown = lines.length === 0 ? '' : `\n  output of this file:\n${indent(lines.join('\n'), 4)}`;
  return `\nFAILED: ${name}${where}\n${indent(reason, 2)}${shown}\n`;
}

function indent(text, width) {
  return text.replace(/^/gm, ' '.repeat(width));
}

function formatTotals({ counts, duration_ms: durationMs }) {
  const parts = [`${counts.tests} tests`, `${counts.passed} passed`];
  for (const key of ['failed', 'cancelled', 'skipped', 'todo'])
    if (counts[key] > 0) parts.push(`${counts[key]} ${key}`);
  return `${parts.join(', ')} in ${(durationMs / 1000).toFixed(1)} s\n`;
}
