import type { Json } from '../../core/json.ts';

/**
 * Control-plane records: projects, spaces, tokens, deployments, domains, settings, audit entries. Each has a type and a
 * key that is unique within the type; keys are paths (`project/space/…`), so that a prefix lists what belongs together.
 */
export interface StoredRecord {
  readonly type: string;
  readonly key: string;
  readonly value: Json;
  /** Starts at 1 and grows with every put. */
  readonly revision: number;
}

export interface RecordCommands {
  /** `expect`: 'any', 'absent', or the revision that must still hold; otherwise the commit rejects with `conflict`. */
  'record.put': {
    params: {
      readonly type: string;
      readonly key: string;
      readonly value: Json;
      readonly expect: 'any' | 'absent' | number;
    };
    result: { readonly revision: number };
  };
  'record.remove': {
    params: { readonly type: string; readonly key: string; readonly expect?: number };
    result: { readonly removed: boolean };
  };
  'record.removePrefix': {
    params: { readonly type: string; readonly prefix: string; readonly limit: number };
    result: { readonly removed: number };
  };
}

export interface RecordReads {
  'record.get': { params: { readonly type: string; readonly key: string }; result: StoredRecord | null };
  /** In key order; `after` continues behind a key of the last page; `reverse` lists from the end. */
  'record.list': {
    params: {
      readonly type: string;
      readonly prefix: string;
      readonly limit: number;
      readonly after?: string;
      readonly reverse?: boolean;
    };
    result: readonly StoredRecord[];
  };
}
