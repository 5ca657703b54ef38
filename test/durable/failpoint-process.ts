/** Runs the scenario in a process of its own, so that it can be killed: directory and armed failpoints as arguments. */
import { Failpoints } from '../../src/queues/failpoints.ts';
import { runScenario } from './failpoint-scenario.ts';

const [directory = '', armed = ''] = process.argv.slice(2);
await runScenario(directory, Failpoints.parse(armed));
