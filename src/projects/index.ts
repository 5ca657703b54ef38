/**
 * Projects, their spaces, and everything that is set for them. Reads on the path of a request are lookups in memory;
 * writes are commits with an audit entry.
 */
export type * from './types.ts';
