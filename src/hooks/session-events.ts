/**
 * Fires `session:end` and `session:start` exactly once for each transition of a session, the end always first. The
 * conversation calls this; the engine only needs its `emit`.
 */
import type { EmitResult, HookEngine } from './engine-types.ts';

export type SessionStartReason = 'first' | 'new' | 'reset' | 'auto-reset';
export type SessionEndReason = 'new' | 'reset' | 'idle' | 'daily' | 'delete' | 'shutdown';

export interface SessionFacts {
  readonly sessionKey: string;
  readonly sessionId: string;
  readonly sessionEntry: unknown;
  readonly sessionFile?: string;
  readonly workspaceDir: string;
  readonly agentId: string;
  readonly cfg: unknown;
}

export interface SessionEvents {
  /** Resolves with null when the session was announced before. */
  readonly start: (
    session: SessionFacts,
    reason: SessionStartReason,
    previousSessionId?: string,
  ) => Promise<EmitResult | null>;
  /** Resolves with null when the end was announced before. */
  readonly end: (session: SessionFacts, reason: SessionEndReason, messageCount?: number) => Promise<EmitResult | null>;
}

/** For all handlers of one event together. */
const deadlineMs = 30_000;
const maxRemembered = 10_000;

export function createSessionEvents(engine: Pick<HookEngine, 'emit'>): SessionEvents {
  const started = createMemory();
  const ended = createMemory();
  return {
    start: async (session, reason, previousSessionId) => {
      if (!started.add(session.sessionId)) return null;
      const context = {
        ...describe(session),
        reason,
        isReset: reason !== 'first',
        ...(previousSessionId !== undefined && { previousSessionId }),
      };
      return engine.emit('session', 'start', session.sessionKey, context, { deadlineMs });
    },
    end: async (session, reason, messageCount) => {
      if (!ended.add(session.sessionId)) return null;
      const context = { ...describe(session), reason, ...(messageCount !== undefined && { messageCount }) };
      return engine.emit('session', 'end', session.sessionKey, context, { deadlineMs });
    },
  };
}

function describe({ sessionKey: _key, sessionFile, ...facts }: SessionFacts): Record<string, unknown> {
  return { ...facts, ...(sessionFile !== undefined && { sessionFile }) };
}

/** Remembers the latest ids; a session is never announced again so long after its turn. */
function createMemory(): { add: (id: string) => boolean } {
  const ids = new Set<string>();
  return {
    add: (id) => {
      if (ids.has(id)) return false;
      ids.add(id);
      if (ids.size > maxRemembered) {
        const [oldest] = ids;
        if (oldest !== undefined) ids.delete(oldest);
      }
      return true;
    },
  };
}
