/** Hands what handlers pushed to the user, as one message, and notes what became of it. */
import type { HookEvent } from '../../core/hook-event.ts';
import type { HostAdapter } from '../host-adapter.ts';
import type { HookJournal, MessageFate, RunRecord } from '../journal/journal.ts';
import type { HookLogger } from '../logging/logger.ts';

export interface DeliveryTools {
  /** The producer's own way; the host's `sendMessage` is used without it. */
  readonly deliver?: (text: string) => Promise<void>;
  readonly host: HostAdapter;
  readonly journal: HookJournal | undefined;
  readonly logger: HookLogger;
}

/** A failure is logged and never blocks the command. Returns the records with the fate of their texts. */
export async function deliverMessages(
  event: HookEvent,
  runs: readonly RunRecord[],
  tools: DeliveryTools,
): Promise<readonly RunRecord[]> {
  const texts = event.messages.filter((text) => text.trim() !== '');
  const { sessionKey, context } = event;
  const send = tools.host.sendMessage;
  const deliver = tools.deliver ?? (send && ((text: string) => send({ sessionKey, text, context })));
  if (texts.length === 0 || deliver === undefined) return runs;
  let fate: Omit<MessageFate, 'text'> = { fate: 'delivered' };
  try {
    await deliver(texts.join('\n\n'));
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    tools.logger.error('hooks', `Hook messages could not be delivered: ${failure}`);
    fate = { fate: 'discarded', reason: `sending failed: ${failure}` };
  }
  return runs.map((run) => {
    if (run.messages.length === 0) return run;
    const messages = run.messages.map(({ text }) => ({ text, ...fate }));
    tools.journal?.updateRunMessages(run.id, messages);
    return { ...run, messages };
  });
}
