import { TackleError } from '../core/errors.ts';
import { createAccessAdmin } from './access-admin.ts';
import {
  type AdminContext,
  auditOf,
  creationOfToken,
  notifyOf,
  requireProject,
  requireSpace,
} from './admin-context.ts';
import type { RecordChange } from './changes.ts';
import type { MemoryDirectory } from './directory.ts';
import {
  DEFAULT_SPACE_NAME,
  generateHostLabel,
  generateProjectId,
  generateSpaceId,
  validateProjectName,
  validateSpaceName,
} from './names.ts';
import { createSettingsAdmin } from './settings-admin.ts';
import { hashToken, keys, type StoredProject, type StoredSpace, toJson } from './stored.ts';
import type { Actor, Project, ProjectAdmin, Space } from './types.ts';

const NO_QUOTAS = { maxBytes: null, maxDocuments: null, maxRequestsPerSecond: null } as const;

export function createProjectAdmin(context: AdminContext): ProjectAdmin {
  return { ...createLifecycle(context), ...createSettingsAdmin(context), ...createAccessAdmin(context) };
}

function createLifecycle(
  context: AdminContext,
): Pick<ProjectAdmin, 'createProject' | 'removeProject' | 'createSpace' | 'removeSpace'> {
  const { directory, changes, now } = context;

  const removeSpace = (spaceId: string, actor: Actor) =>
    changes.run(() => {
      const space = requireSpace(directory, spaceId);
      return {
        records: removalOfSpace(directory, space),
        audit: auditOf(actor, 'space.remove', space),
        notify: notifyOf('space', 'removed', space),
        result: () => undefined,
      };
    });

  return {
    createProject: ({ name, description = '' }, actor) =>
      changes.run(() => {
        validateProjectName(name);
        if (directory.isHostLabel(name)) {
          throw new TackleError('conflict', `${name} is the host name of a space; choose another project name`);
        }
        const projectId = generateProjectId(name, (candidate) => directory.isLabelTaken(candidate));
        // The oldest of a name has its addresses: a clock that stands still or goes back must not make this one older.
        const newest = directory.listProjectsNamed(name).at(-1)?.createdAt ?? Number.NEGATIVE_INFINITY;
        const createdAt = Math.max(now(), newest + 1);
        const project: StoredProject = { name, description: description.slice(0, 500), createdAt };
        return {
          records: [
            { type: 'project', key: projectId, value: toJson(project), expect: 'absent' },
            ...creationOfSpace(context, projectId, DEFAULT_SPACE_NAME),
          ],
          audit: { actor, action: 'project.create', target: projectId, details: { name } },
          notify: { kind: 'project', action: 'created', projectId, spaceId: null },
          result: () => directory.getProject(projectId)!,
        };
      }),

    async removeProject(projectId, actor) {
      requireProject(directory, projectId);
      for (const space of directory.listSpaces(projectId)) await removeSpace(space.id, actor);
      await changes.run(() => {
        const project = requireProject(directory, projectId);
        if (directory.listSpaces(projectId).length > 0) {
          throw new TackleError('conflict', `A space was added to ${projectId} while it was removed; remove it again`);
        }
        return {
          records: removalOfProject(directory, project),
          audit: { actor, action: 'project.remove', target: projectId, details: { name: project.name } },
          notify: { kind: 'project', action: 'removed', projectId, spaceId: null },
          result: () => undefined,
        };
      });
    },

    createSpace: ({ projectId, name }, actor) =>
      changes.run(() => {
        requireProject(directory, projectId);
        validateSpaceName(name);
        if (directory.findSpace(projectId, name) !== null) {
          throw new TackleError('conflict', `Project ${projectId} has a space ${name} already`);
        }
        const find = () => directory.findSpace(projectId, name)!;
        return {
          records: creationOfSpace(context, projectId, name),
          audit: { actor, action: 'space.create', target: `${projectId}/${name}`, details: {} },
          notify: { kind: 'space', action: 'created', projectId, spaceId: null },
          result: find,
        };
      }),

    removeSpace,
  };
}

/** A space comes with a token, because an app without one can only answer what its auth hooks allow. */
function creationOfSpace(context: AdminContext, projectId: string, name: string): RecordChange[] {
  const space: StoredSpace = {
    id: generateSpaceId(),
    hostLabel: generateHostLabel((label) => context.directory.isLabelTaken(label)),
    jwksUrl: null,
    allowedHosts: [],
    egressCidrs: [],
    quotas: NO_QUOTAS,
    createdAt: context.now(),
  };
  const token = creationOfToken(context, projectId, space.id, { access: 'READWRITE', description: 'first token' });
  return [{ type: 'space', key: keys.space(projectId, name), value: toJson(space), expect: 'absent' }, token.record];
}

/** Everything that belongs to the space, and a note that its data must go; the data itself goes after the commit. */
function removalOfSpace(directory: MemoryDirectory, space: Space): RecordChange[] {
  const remove = (type: RecordChange['type'], key: string): RecordChange => ({ type, key, value: null, expect: 'any' });
  const tokens = directory.listTokens(space.id).map((token) => hashToken(token.key));
  return [
    ...tokens.flatMap((tokenHash) => [
      remove('token', keys.token(space.id, tokenHash)),
      remove('last-use', keys.tokenUse(space.id, tokenHash)),
    ]),
    ...directory.listEnv(space.id).map((variable) => remove('env', keys.env(space.id, variable.key))),
    ...directory
      .listDomains(space.projectId)
      .filter((domain) => domain.spaceId === space.id)
      .map((domain) => remove('domain', domain.host)),
    remove('space', keys.space(space.projectId, space.name)),
    { type: 'purge', key: space.id, value: `${space.projectId}/${space.name}`, expect: 'any' },
  ];
}

function removalOfProject(directory: MemoryDirectory, project: Project): RecordChange[] {
  const remove = (type: RecordChange['type'], key: string): RecordChange => ({ type, key, value: null, expect: 'any' });
  const tokens = directory
    .listAdminTokens()
    .filter((token) => token.scope.kind === 'project' && token.scope.projectId === project.id);
  return [
    ...directory.listDomains(project.id).map((domain) => remove('domain', domain.host)),
    ...tokens.flatMap((token) => [remove('admin-token', token.id), remove('last-use', keys.adminTokenUse(token.id))]),
    remove('project', project.id),
  ];
}
