// Real: the log of refusals, and the sandbox-shaped events. Fake: the store of logs (a list) and the clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRefusedEgressLog } from './refused-egress-log.ts';

function setUp() {
  const lines: { spaceId: string; log: string }[] = [];
  const clock = { time: 1_000, now: () => clock.time };
  const log = createRefusedEgressLog(
    { appendLogs: (spaceId, entries) => void lines.push(...entries.map((entry) => ({ spaceId, log: entry.log }))) },
    clock,
  );
  const refuse = (spaceId: string) =>
    log({ label: `${spaceId}/3`, kind: 'tcp', target: '10.0.0.1:80', refusal: 'Connections to 10.0.0.1:80: private' });
  return { lines, clock, log, refuse };
}

test('a refused connection is a line of its space with host and reason; an allowed one is none', () => {
  const { lines, log, refuse } = setUp();
  log({ label: 'a/3', kind: 'tcp', target: '1.1.1.1:80', refusal: null });
  refuse('a');
  assert.deepEqual(lines, [{ spaceId: 'a', log: 'tcp refused: Connections to 10.0.0.1:80: private' }]);
});

test('a space gets 20 lines a minute, the last says so, and other spaces have their own', () => {
  const { lines, clock, refuse } = setUp();
  for (let index = 0; index < 100; index += 1) refuse('a');
  assert.equal(lines.length, 20);
  assert.match(lines[19]?.log ?? '', /further refusals of this minute/);
  refuse('b');
  assert.equal(lines.length, 21);
  clock.time += 60_000;
  refuse('a');
  assert.equal(lines.length, 22);
});
