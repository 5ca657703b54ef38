/**
 * Projects, their spaces, and everything that is set for them. Reads on the path of a request are lookups in memory;
 * writes are commits with an audit entry.
 */
export { ensureAdminTokenFile } from './admin-token-file.ts';
export { createProjects } from './create-projects.ts';
export { normalizeHost } from './hosts.ts';
export { reservedSegments } from './names.ts';
export { createSecrets, openSecrets } from './secrets.ts';
export type * from './types.ts';
