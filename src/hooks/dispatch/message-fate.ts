/** What becomes of the texts that handlers push: only few events can deliver them. */
import type { MessageFate } from '../journal/journal.ts';

const chatKeys: ReadonlySet<string> = new Set(['command:new', 'command:reset']);

/**
 * True for `/new` and `/reset` given in a chat; the same reset asked for over the API has nobody to answer to.
 * A producer of compactions may bring its own way to deliver notices.
 */
export function canDeliverMessages(
  key: string,
  context: Readonly<Record<string, unknown>>,
  hasOwnDelivery: boolean,
): boolean {
  if (key.startsWith('session:compact:')) return hasOwnDelivery;
  const source = typeof context.commandSource === 'string' ? context.commandSource : '';
  return chatKeys.has(key) && !source.startsWith('gateway:');
}

/** Why texts pushed on this event go nowhere. */
export function explainDiscard(key: string): string {
  return chatKeys.has(key) ? 'the reset did not come from a chat' : `messages pushed on ${key} are not delivered`;
}

export function describeMessages(texts: readonly string[], fate: MessageFate['fate'], reason?: string): MessageFate[] {
  return texts.map((text) => ({ text, fate, reason }));
}
