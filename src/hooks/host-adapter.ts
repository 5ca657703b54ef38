/** What the surrounding product can do for hooks. Everything is optional; absence is recorded, never a crash. */

export interface RunAgentRequest {
  readonly agentId: string;
  readonly workspaceDir: string;
  readonly prompt: string;
  readonly sessionKey: string;
  readonly sessionId?: string;
  readonly deliver: false;
}

export interface GenerateTextRequest {
  readonly agentId: string;
  readonly prompt: string;
  readonly timeoutMs: number;
}

export interface SendMessageRequest {
  readonly sessionKey: string;
  readonly text: string;
  /** The context of the event that the texts answer. */
  readonly context: Readonly<Record<string, unknown>>;
}

export interface HostAdapter {
  readonly sendMessage?: (request: SendMessageRequest) => Promise<void>;
  readonly runAgent?: (request: RunAgentRequest) => Promise<unknown>;
  readonly generateText?: (request: GenerateTextRequest) => Promise<string>;
  readonly readSession?: (sessionKey: string) => Promise<unknown>;
  readonly now?: () => Date;
}

const callable = ['sendMessage', 'runAgent', 'generateText', 'readSession'] as const;

/** Answers a call of a bundled hook; rejects with a plain sentence when the host lacks the ability. */
export async function callHostAdapter(host: HostAdapter, method: string, args: readonly unknown[]): Promise<unknown> {
  if (method === 'supports') {
    const name = callable.find((item) => item === args[0]);
    return name !== undefined && host[name] !== undefined;
  }
  const name = callable.find((item) => item === method);
  const offered = name === undefined ? undefined : host[name];
  if (offered === undefined) throw new Error(`the host offers no ${method}`);
  return (offered as (argument: unknown) => Promise<unknown>)(args[0]);
}
