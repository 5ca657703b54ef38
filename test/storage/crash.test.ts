/**
 * kill -9 during a storm of inserts: whatever was acknowledged is there, each row with the counter of its own commit. Real: a
 * child process with the engine, SIGKILL, the files. Fake: nothing. 200 rounds with TACKLE_LONG=1, else 20.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStoredRows } from './stored-rows.ts';

const rounds = process.env.TACKLE_LONG === '1' ? 200 : 20;
const script = join(import.meta.dirname, 'insert-storm.ts');

test(`nothing that was acknowledged is lost in ${rounds} kills`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tackle-crash-'));
  try {
    const acknowledged = new Set<string>();
    for (let round = 0; round < rounds; round += 1) {
      await stormUntilKilled(directory, `r${round}`, acknowledged);
      const stored = readStoredRows(join(directory, 'tackle.db'));
      assert.equal(stored.integrity, 'ok');
      const lost = [...acknowledged].filter((id) => !stored.ids.has(id));
      assert.deepEqual(lost, [], `round ${round}: ${lost.length} of ${acknowledged.size} rows are lost`);
      assert.equal(stored.counter, stored.ids.size, 'a commit was applied by half');
    }
    assert.ok(acknowledged.size > rounds * 10, `only ${acknowledged.size} rows were acknowledged`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function stormUntilKilled(directory: string, prefix: string, acknowledged: Set<string>): Promise<void> {
  const child = spawn(process.execPath, [script, directory, prefix, 'FULL', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (line === 'ready') resolve();
      else acknowledged.add(line);
    });
  });
  const linesEnded = once(lines, 'close');
  await Promise.race([ready, exited]);
  await sleep(20 + Math.random() * 200);
  child.kill('SIGKILL');
  await exited;
  await linesEnded;
}
