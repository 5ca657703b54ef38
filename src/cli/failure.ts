import { TackleError } from '../core/errors.ts';
import { findNearest } from '../core/nearest.ts';

export interface Failure {
  /** For stderr; null when everything has been said (help was asked for). */
  readonly text: string | null;
  /** For stdout when the caller asked for JSON. */
  readonly json: string | null;
  readonly exitCode: number;
}

interface FailureContext {
  readonly argv: readonly string[];
  /** The command that was called, null when it is none. */
  readonly command: string | null;
  /** Names of all commands. */
  readonly names: readonly string[];
}

/** How a command ends that could not do what it was asked for. */
export function describeFailure(error: unknown, { argv, command, names }: FailureContext): Failure {
  const help = (error as { code?: unknown } | null)?.code;
  // commander throws for help too, after it has printed it: asked for, or in the place of a missing subcommand.
  if (help === 'commander.helpDisplayed') return { text: null, json: null, exitCode: 0 };
  if (help === 'commander.help') return { text: null, json: null, exitCode: 2 };
  const code = error instanceof TackleError ? error.code : isCalledWrongly(error) ? 'invalid_request' : 'internal';
  const explained = explain(error, names) + hintAtHelp(error, command);
  // A build may have several problems, one per line; everything else is told in one.
  const message = code === 'build_failed' ? `the app could not be built:\n${explained}` : oneLine(explained);
  const debug = argv.includes('-d') || argv.includes('--debug');
  const stack = debug && error instanceof Error ? `\n${error.stack}` : '';
  const details = error instanceof TackleError ? error.details : undefined;
  return {
    text: `tackle: ${formatReason(message, details)}${stack}`,
    json: argv.includes('--json') ? JSON.stringify({ error: { code, message, details } }) : null,
    exitCode: isCalledWrongly(error) ? 2 : 1,
  };
}

function isCalledWrongly(error: unknown): boolean {
  const { code, unknownCommand } = (error ?? {}) as { code?: unknown; unknownCommand?: unknown };
  return unknownCommand !== undefined || (typeof code === 'string' && code.startsWith('commander.'));
}

function explain(error: unknown, names: readonly string[]): string {
  const unknownCommand = (error as { unknownCommand?: unknown } | null)?.unknownCommand;
  if (typeof unknownCommand === 'string') {
    const nearest = findNearest(unknownCommand, names);
    const hint = nearest === null ? "'tackle help' lists the commands." : `Did you mean '${nearest}'?`;
    return `unknown command '${unknownCommand}'. ${hint}`;
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error: /, '');
}

/** Where nothing else says how the call should look. */
function hintAtHelp(error: unknown, command: string | null): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const isBare = [
    'commander.missingArgument',
    'commander.unknownCommand',
    'commander.excessArguments',
    'commander.unknownOption',
  ].includes(String(code));
  if (command === null || !isBare || String(message).includes('Did you mean')) return '';
  return `${String(message).endsWith('.') ? '' : '.'} See 'tackle ${command} --help'.`;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}

/** With what a deployment says about the place of its error; the rest of the details is for programs. */
function formatReason(message: string, details: unknown): string {
  const { file, line, column, stack, log } = (details ?? {}) as Record<string, unknown>;
  const lines = [message];
  if (typeof file === 'string')
    lines.push(`  at ${[file, line, column].filter((part) => part !== undefined).join(':')}`);
  if (typeof stack === 'string') {
    const { head, frames } = splitStack(stack);
    // The message ends with what the stack begins with, in one line and perhaps without the name of the error.
    const text = head.replace(/^[\w.]*(?:Error|Exception): /, '');
    if (text !== '' && message.endsWith(text))
      lines[0] = message.slice(0, -(message.endsWith(head) ? head : text).length) + head;
    else if (head !== '') lines.push(head);
    lines.push(...frames);
  }
  if (typeof log === 'string' && log !== '') lines.push(log);
  return lines.join('\n');
}

/** The name and the message of an error, and the lines that say where it was. */
function splitStack(stack: string): { readonly head: string; readonly frames: readonly string[] } {
  const lines = stack.split('\n');
  const firstFrame = lines.findIndex((text) => /^\s+at /.test(text));
  const end = firstFrame === -1 ? lines.length : firstFrame;
  return { head: oneLine(lines.slice(0, end).join('\n')), frames: lines.slice(end) };
}
