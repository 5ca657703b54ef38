/** Detached events that come over the API of a gateway which is killed again and again. Real gateway, hooks, disk. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { callApi, makeTemporaryDirectory } from '../support/admin-client.ts';
import { type GatewayProcess, startGateway } from '../support/gateway-process.ts';

const sessions = ['a', 'b', 'c'];
const recoveryLimitMs = 60_000;

async function writeHook(home: string, out: string): Promise<void> {
  const directory = path.join(home, 'hooks/writer');
  await mkdir(directory, { recursive: true });
  const metadata = JSON.stringify({ openclaw: { events: ['message:received'] } });
  await writeFile(
    path.join(directory, 'HOOK.md'),
    `---\nname: writer\ndescription: "Writes what it hears"\nmetadata: ${metadata}\n---\n`,
  );
  await writeFile(
    path.join(directory, 'handler.js'),
    `import fs from 'node:fs';
export default async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
  fs.appendFileSync(${JSON.stringify(out)}, event.context.n + '\\n');
};`,
  );
  await writeFile(path.join(home, 'openclaw.json'), JSON.stringify({ hooks: { internal: { enabled: true } } }));
}

async function readHandled(out: string): Promise<string[]> {
  const text = await readFile(out, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

/** Each session sends one event after the other until the gateway, killed after `killAfter` answers, answers no more. */
async function sendUntilKilled(gateway: GatewayProcess, counters: Map<string, number>, killAfter: number) {
  const acknowledged: string[] = [];
  let killed: Promise<void> | undefined;
  await Promise.all(
    sessions.map(async (session) => {
      while (killed === undefined) {
        const number = (counters.get(session) ?? 0) + 1;
        counters.set(session, number);
        const n = `${session}-${number}`;
        const body = { event: 'message:received', sessionKey: session, context: { n } };
        const answer = await callApi(gateway, 'POST', '/events', body).catch(() => undefined);
        if (answer === undefined) {
          assert.ok(killed, `the gateway ended by itself\n${gateway.stderr()}`);
          return;
        }
        assert.equal(answer.status, 202, answer.text);
        acknowledged.push(n);
        if (acknowledged.length >= killAfter) killed ??= gateway.kill();
      }
    }),
  );
  await killed;
  return acknowledged;
}

function listMissing(wanted: readonly string[], handled: readonly string[]): string[] {
  const seen = new Set(handled);
  return wanted.filter((n) => !seen.has(n));
}

test('R-5 no event that a gateway acknowledged is lost by kill -9, and each session keeps its order', async (t) => {
  const home = await makeTemporaryDirectory('hooks-kill');
  t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const out = path.join(home, 'handled.txt');
  await writeHook(home, out);
  const rounds = process.env.TACKLE_LONG === '1' ? 100 : 3;
  const counters = new Map<string, number>();
  const acknowledged: string[] = [];
  let roundsWithWorkLeft = 0;
  for (let round = 0; round < rounds; round += 1) {
    const gateway = await startGateway({ home });
    t.after(() => gateway.kill());
    acknowledged.push(...(await sendUntilKilled(gateway, counters, 15 + Math.floor(Math.random() * 20))));
    if (listMissing(acknowledged, await readHandled(out)).length > 0) roundsWithWorkLeft += 1;
  }
  assert.ok(roundsWithWorkLeft > 0, 'no kill came between the journal and a handler: the test shows nothing');

  const last = await startGateway({ home });
  t.after(() => last.stop());
  const deadline = Date.now() + recoveryLimitMs;
  let missing = acknowledged;
  while (missing.length > 0 && Date.now() < deadline) {
    missing = listMissing(acknowledged, await readHandled(out));
    if (missing.length > 0) await delay(20);
  }
  assert.deepEqual(missing, []);
  const firstTimes = [...new Set(await readHandled(out))];
  for (const session of sessions) {
    const numbers = firstTimes.filter((n) => n.startsWith(`${session}-`)).map((n) => Number(n.split('-')[1]));
    assert.deepEqual(
      numbers,
      numbers.toSorted((left, right) => left - right),
      `order of session ${session}`,
    );
  }
  t.diagnostic(`${rounds} kills, ${roundsWithWorkLeft} with work left, ${acknowledged.length} events acknowledged`);
});
