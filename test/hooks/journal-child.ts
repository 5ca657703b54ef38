/** A process that journal.test.ts kills: emits detached events and tells which ones were acknowledged. */
import { createHookEngine } from '../../src/hooks/index.ts';

const engine = createHookEngine({
  bundledHooksDir: '/nonexistent',
  fsync: 'never',
  recover: process.argv[2] === 'recover',
});
const report = await engine.start();
if (process.argv[2] === 'recover') {
  await engine.settle();
  await engine.stop({ deadlineMs: 2_000 });
  process.stdout.write(`recovered ${report.recovered}\n`);
} else {
  process.stdout.write('ready\n');
  for (let n = 0; ; n += 1) {
    await engine.emit('message', 'received', `session-${n % 3}`, { n: `${process.argv[3]}-${n}` });
    process.stdout.write(`ack ${process.argv[3]}-${n}\n`);
  }
}
