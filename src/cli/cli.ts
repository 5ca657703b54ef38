import { homedir } from 'node:os';
import { Output } from './output.ts';

/** What a command may know of the world around it. */
export interface Cli {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly currentDirectory: string;
  readonly userHome: string;
  readonly output: Output;
}

export function createCli(): Cli {
  return {
    env: process.env,
    currentDirectory: process.cwd(),
    userHome: homedir(),
    output: new Output(process.stdout, process.stderr),
  };
}
