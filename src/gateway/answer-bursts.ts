import type { ServerResponse } from 'node:http';

type Answer = readonly [response: ServerResponse, body: string, encoding: 'latin1' | 'utf8'];

let waiting: Answer[] = [];

/**
 * Ends answers that were ready at once together, after the requests that arrived together were read. Each write wakes
 * whoever waits for it, which costs more than the answer itself; in a burst its reader is awake for all but the first.
 */
export function endInBurst(response: ServerResponse, body: string, encoding: 'latin1' | 'utf8'): void {
  if (waiting.push([response, body, encoding]) === 1) setImmediate(endAll);
}

function endAll(): void {
  const answers = waiting;
  waiting = [];
  for (const [response, body, encoding] of answers) response.end(body, encoding);
}
