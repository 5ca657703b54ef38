/** A short name for a conversation: a model's words when there are usable ones, else the time. */
import { callHost } from '../../host/host-bridge.ts';

export interface SlugRequest {
  readonly text: string;
  readonly agentId: string;
  readonly at: Date;
  readonly useModel: boolean;
}

const timeoutMs = 15_000;
const maxSlugChars = 30;
const excerptChars = 2_000;

/** What providers answer instead of words. */
const errorText =
  /\b(?:error|exception|failed|failure|unauthori[sz]ed|forbidden|rate.?limit|overloaded|quota|timed? ?out|invalid|billing|api.?key|\d{3} (?:status|http))\b|\bhttp \d{3}\b|^\s*[[{]/i;

export async function createSlug(request: SlugRequest): Promise<string> {
  const fallback = request.at.toISOString().slice(11, 16).replace(':', '');
  const isTest = process.env.NODE_ENV === 'test' || process.env.VITEST !== undefined;
  if (!request.useModel || isTest) return fallback;
  try {
    const prompt = `Name this conversation in one to three words, lower case, joined by hyphens. Answer with the name only.\n\n${request.text.slice(0, excerptChars)}`;
    const call = callHost('generateText', { agentId: request.agentId, prompt, timeoutMs });
    const answer = await Promise.race([call, rejectLater()]);
    if (typeof answer !== 'string' || answer.length > 200 || errorText.test(answer)) return fallback;
    return normalizeSlug(answer) || fallback;
  } catch {
    return fallback;
  }
}

function rejectLater(): Promise<never> {
  return new Promise((_resolve, reject) => {
    setTimeout(() => reject(new Error('the model did not answer in time')), timeoutMs).unref();
  });
}

/** Nothing but a-z, 0-9 and single hyphens is left, so no path can come out of it. */
export function normalizeSlug(text: string): string {
  const words = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return words.slice(0, maxSlugChars).replace(/-+$/, '');
}
