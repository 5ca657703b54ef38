import type { Command } from 'commander';
import type { Cli } from './cli.ts';

/** One file in `commands/`: adds arguments, options and the action to a command that has its name already. */
export interface CommandModule {
  readonly configure: (command: Command, cli: Cli) => void;
}

export interface CommandEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** Commands are loaded one at a time: what is not run costs nothing. */
  readonly load: () => Promise<CommandModule>;
}

export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandEntry[];
}

function entry(names: string, summary: string, load: CommandEntry['load']): CommandEntry {
  const [name = '', ...aliases] = names.split(' ');
  return { name, aliases, summary, load };
}

/** Every command, in the order in which `tackle help` shows them; the first name is the one that is shown. */
export const commandGroups: readonly CommandGroup[] = [
  {
    title: 'Gateway',
    commands: [
      entry('up start serve', 'start the gateway', () => import('./commands/up.ts')),
      entry('admin sign-in', 'print a link that signs a browser in', () => import('./commands/gateway-sign-in.ts')),
      entry('doctor', 'report on the gateway and a space, as JSON', () => import('./commands/doctor.ts')),
      entry('config', 'show or validate the configuration', () => import('./commands/config.ts')),
      entry('service', 'run the gateway as a system service', () => import('./commands/service.ts')),
      entry('backup', 'write everything into one archive file', () => import('./commands/backup.ts')),
      entry('restore', 'make a home from an archive file', () => import('./commands/restore.ts')),
    ],
  },
  {
    title: 'Projects and spaces',
    commands: [
      entry(
        'create init',
        'create a project and a directory for its app',
        () => import('./commands/project-create.ts'),
      ),
      entry('projects', 'list the projects', () => import('./commands/project-list.ts')),
      entry('info', 'show URLs, tokens and settings of a project', () => import('./commands/project-info.ts')),
      entry('describe', 'show what a space is made up of', () => import('./commands/space-describe.ts')),
      entry('remove-project', 'delete a project and everything in it', () => import('./commands/project-remove.ts')),
      entry('add add-space', 'add a space to a project', () => import('./commands/space-add.ts')),
      entry('use', 'choose the space that commands here work on', () => import('./commands/space-use.ts')),
      entry('remove-space', 'delete a space and everything in it', () => import('./commands/space-remove.ts')),
    ],
  },
  {
    title: 'Apps',
    commands: [
      entry('deploy de dep', 'build the app and put it live', () => import('./commands/app-deploy.ts')),
      entry('verify compile ver comp', 'build the app without deploying it', () => import('./commands/app-verify.ts')),
      entry('undeploy unde undep', 'take the app offline', () => import('./commands/app-undeploy.ts')),
      entry('versions', 'list the deployed versions', () => import('./commands/app-versions.ts')),
      entry('rollback', 'put an earlier version live', () => import('./commands/app-rollback.ts')),
      entry('log logs', "show the app's log", () => import('./commands/app-log.ts')),
      entry('prompt', 'print the guide for writing apps, as Markdown', () => import('./commands/prompt.ts')),
    ],
  },
  {
    title: 'Documents',
    commands: [
      entry('query q', 'find, change or delete documents', () => import('./commands/documents-query.ts')),
      entry('count co', 'count the documents of a collection', () => import('./commands/documents-count.ts')),
      entry(
        'import imp',
        'load documents from a JSON, JSONL or CSV file',
        () => import('./commands/documents-import.ts'),
      ),
      entry('export', 'write documents as JSON, JSONL or CSV', () => import('./commands/documents-export.ts')),
      entry(
        'collection collections coll col ls',
        'list the collections',
        () => import('./commands/collection-list.ts'),
      ),
      entry(
        'createcollection createcoll add-collection',
        'create a collection',
        () => import('./commands/collection-create.ts'),
      ),
      entry(
        'dropcollection dropcoll rmcoll deletecoll',
        'delete a collection',
        () => import('./commands/collection-drop.ts'),
      ),
      entry(
        'createindex index idx create-index',
        'index fields of a collection',
        () => import('./commands/index-create.ts'),
      ),
      entry(
        'removeindex dropindex remove-index rmindex delete-index',
        'remove indexes of a collection',
        () => import('./commands/index-remove.ts'),
      ),
      entry(
        'add-schema schema create-schema',
        'check documents with a JSON Schema',
        () => import('./commands/schema-add.ts'),
      ),
      entry(
        'remove-schema delete-schema del-schema',
        'stop checking documents',
        () => import('./commands/schema-remove.ts'),
      ),
      entry(
        'cap-collection cap cap-coll capcoll',
        'keep only the newest documents',
        () => import('./commands/cap-set.ts'),
      ),
      entry('uncap-collection uncap', 'keep all documents again', () => import('./commands/cap-remove.ts')),
    ],
  },
  {
    title: 'Key-value',
    commands: [
      entry('get', 'read a value, or all whose key begins with a prefix', () => import('./commands/kv-get.ts')),
      entry('set', 'write a value', () => import('./commands/kv-set.ts')),
      entry('del', 'delete a value', () => import('./commands/kv-del.ts')),
    ],
  },
  {
    title: 'Durable work',
    commands: [
      entry('queue-status queues', 'show what waits, runs and failed', () => import('./commands/queue-status.ts')),
      entry('topic topics', 'pause, resume, set, redrive or purge a topic', () => import('./commands/topic.ts')),
      entry('task tasks', 'list, show, redrive or drop tasks', () => import('./commands/task.ts')),
      entry('job jobs', 'list cron jobs, or run one now', () => import('./commands/job.ts')),
      entry(
        'workflow workflows',
        'start, continue, cancel or fork an instance, or send it an event',
        () => import('./commands/workflow.ts'),
      ),
      entry('workflow-status', 'show where instances stand', () => import('./commands/workflow-status.ts')),
      entry('workflow-list', 'list instances', () => import('./commands/workflow-list.ts')),
      entry('workflow-get', 'show an instance with its history', () => import('./commands/workflow-get.ts')),
    ],
  },
  {
    title: 'Hooks',
    commands: [entry('hooks hook', 'find, check, install and run hooks', () => import('./commands/hooks.ts'))],
  },
  {
    title: 'Files',
    commands: [
      entry('file-upload upload', 'upload files or a directory', () => import('./commands/file-upload.ts')),
      entry('file-list files', 'list the files of a space', () => import('./commands/file-list.ts')),
      entry('file-delete delete', 'delete files', () => import('./commands/file-delete.ts')),
    ],
  },
  {
    title: 'Access and settings of a space',
    commands: [
      entry('add-token', 'add an API token', () => import('./commands/token-add.ts')),
      entry('remove-token', 'remove an API token', () => import('./commands/token-remove.ts')),
      entry('set-env', 'set a variable of the app', () => import('./commands/env-set.ts')),
      entry('remove-env', 'remove a variable of the app', () => import('./commands/env-remove.ts')),
      entry('jwks', 'accept JWTs signed by the keys of a JWKS URL', () => import('./commands/jwks.ts')),
      entry('whitelist', 'let only these addresses call the app', () => import('./commands/whitelist-add.ts')),
      entry('whitelist-remove', 'remove an address from the list', () => import('./commands/whitelist-remove.ts')),
      entry('domain domains', 'add, list or remove custom domains', () => import('./commands/domain.ts')),
    ],
  },
  {
    title: 'Administration',
    commands: [
      entry('admintokens', 'list the admin tokens', () => import('./commands/admin-token-list.ts')),
      entry(
        'add-admintoken',
        'create an admin token for another machine',
        () => import('./commands/admin-token-add.ts'),
      ),
      entry('remove-admintoken', 'revoke an admin token', () => import('./commands/admin-token-remove.ts')),
    ],
  },
];

export const commandEntries: readonly CommandEntry[] = commandGroups.flatMap(({ commands }) => commands);

export function findCommand(name: string): CommandEntry | undefined {
  return commandEntries.find((candidate) => candidate.name === name || candidate.aliases.includes(name));
}
