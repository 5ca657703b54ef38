// DBOS on PostgreSQL: node dbos-peer.mjs <url> <workflows>
import { DBOS } from '@dbos-inc/dbos-sdk';
import { measureWorkflows } from './workflow-rounds.mjs';

const [url, workflows] = process.argv.slice(2);
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, systemDatabasePoolSize: 20, logLevel: 'error' });
const three = DBOS.registerWorkflow(
  async (n) => {
    const one = await DBOS.runStep(async () => n + 1, { name: 'one' });
    const two = await DBOS.runStep(async () => one + 1, { name: 'two' });
    return DBOS.runStep(async () => two + 1, { name: 'three' });
  },
  { name: 'three' },
);
await DBOS.launch();
const result = await measureWorkflows(three, { count: Number(workflows), concurrency: 64, lone: 100 });
process.send(result, () => process.exit(0));
