import { type Command, InvalidArgumentError } from 'commander';
import { apiPath } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connectToSpace } from '../connection.ts';
import { addSpaceOptions, type SpaceOptions } from '../options.ts';
import type { InstanceSummary } from './workflow-list.ts';

/** The document of an instance, as `start` and `fork` answer it. */
interface InstanceDocument {
  readonly _id: string;
}

/** What the command line does to instances; `workflow-status`, `-list` and `-get` show them. */
export function configure(command: Command, cli: Cli): void {
  configureStart(command, cli);
  configureChanges(command, cli);
  configureSend(command, cli);
  configureFork(command, cli);
}

function configureStart(command: Command, cli: Cli): void {
  addSpaceOptions(command.command('start').description('start an instance'))
    .argument('<name>', 'workflow')
    .argument('[state]', 'its first state, a JSON object', parseJson, {})
    .option('--id <id>', 'instead of a generated one; the same id twice is refused')
    .action(async (workflow: string, state: unknown, options: SpaceOptions & { readonly id?: string }) => {
      const { api, path } = await connectToSpace(options, cli);
      const body = { workflow, state, ...(options.id === undefined ? {} : { id: options.id }) };
      const document = await api.send<InstanceDocument>({ method: 'POST', path: `${path}/workflow-instances`, body });
      if (options.json) return cli.output.json(document);
      cli.output.line(`Started ${workflow} as ${document._id}.`);
    });
}

interface ContinueOptions extends SpaceOptions {
  readonly reset?: boolean;
}

function configureChanges(command: Command, cli: Cli): void {
  const change = async (verb: 'continue' | 'cancel', id: string, options: ContinueOptions): Promise<void> => {
    const { api, path } = await connectToSpace(options, cli);
    const body = verb === 'continue' ? { body: { reset: options.reset === true } } : {};
    const instance = await api.send<InstanceSummary>({
      method: 'POST',
      path: `${path}${apiPath`/workflow-instances/${id}`}/${verb}`,
      ...body,
    });
    if (options.json) return cli.output.json(instance);
    cli.output.line(`${instance.id} is ${instance.status}${instance.step === null ? '' : ` at ${instance.step}`}.`);
  };
  addSpaceOptions(command.command('continue').description('go on with an instance that waits, failed or is parked'))
    .argument('<id>', 'instance')
    .option('--reset', 'count the visits of all its steps anew')
    .action((id: string, options: ContinueOptions) => change('continue', id, options));
  addSpaceOptions(command.command('cancel').description('let no further step of an instance run'))
    .argument('<id>', 'instance')
    .action((id: string, options: SpaceOptions) => change('cancel', id, options));
}

interface SendOptions extends SpaceOptions {
  readonly id?: string;
}

function configureSend(command: Command, cli: Cli): void {
  addSpaceOptions(
    command.command('send').description('give an event to an instance; it is kept until a step waits for it'),
  )
    .argument('<id>', 'instance')
    .argument('<event>', 'name of the event')
    .argument('[payload]', 'JSON', parseJson, null)
    .option('--id <id>', 'the same id is delivered once')
    .action(async (id: string, event: string, payload: unknown, options: SendOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const body = { event, payload, ...(options.id === undefined ? {} : { id: options.id }) };
      const answer = await api.send<{ deliveredTo: string | null }>({
        method: 'POST',
        path: `${path}${apiPath`/workflow-instances/${id}`}/events`,
        body,
      });
      if (options.json) return cli.output.json(answer);
      const isKept = answer.deliveredTo === null;
      cli.output.line(isKept ? `Nobody waits for "${event}" yet; it is kept.` : `Delivered to ${answer.deliveredTo}.`);
    });
}

interface ForkOptions extends SpaceOptions {
  readonly state?: unknown;
  readonly results?: unknown;
  readonly next?: string;
  readonly end?: boolean;
}

function configureFork(command: Command, cli: Cli): void {
  addSpaceOptions(
    command.command('fork').description('start a new instance that goes on from an earlier step of this one'),
  )
    .argument('<id>', 'instance')
    .argument('<from>', 'name of a step, or number of an entry of its history')
    .option('--state <json>', 'fields to change in the state that the step was given; null removes one', parseJson)
    .option('--results <json>', 'results of step.run to change, by name', parseJson)
    .option('--next <step>', 'go there instead of running the step')
    .option('--end', 'end there instead of running the step')
    .action(async (id: string, from: string, options: ForkOptions) => {
      const { api, path } = await connectToSpace(options, cli);
      const { state = {}, results = {}, next, end } = options;
      const skips = next !== undefined || end === true;
      const body = {
        from: /^\d+$/.test(from) ? Number(from) : from,
        patch: state,
        results,
        ...(skips ? { outcome: { next: next ?? null, patch: {} } } : {}),
      };
      const fork = `${path}${apiPath`/workflow-instances/${id}`}/fork`;
      const document = await api.send<InstanceDocument>({ method: 'POST', path: fork, body });
      if (options.json) return cli.output.json(document);
      cli.output.line(`Forked ${id} from ${from} as ${document._id}.`);
    });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new InvalidArgumentError(`${text.slice(0, 100)} is no JSON; write it like '{"amount": 5}'.`);
  }
}
