/** Short notices in the chat around a compaction; the host delivers what is pushed. */
import type { HookEvent } from '../../../core/hook-event.ts';

export default function notifyCompaction(event: HookEvent): void {
  if (event.type !== 'session') return;
  if (event.action === 'compact:before') event.messages.push('🧹 Tidying up this conversation, one moment…');
  if (event.action !== 'compact:after') return;
  const { tokensBefore, tokensAfter } = event.context;
  const isKnown = typeof tokensBefore === 'number' && typeof tokensAfter === 'number';
  event.messages.push(
    isKnown ? `🧹 Conversation tidied up (${tokensBefore} → ${tokensAfter} tokens).` : '🧹 Conversation tidied up.',
  );
}
