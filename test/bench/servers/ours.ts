/** Our server as a process of a bench: production settings, but people are in memory unless a directory is measured too. */
import { Registry } from 'prom-client';
import { giveMemoryBack, keepShapeOfTicks } from '../../../server/src/memory.ts';
import { openDatabase } from '../../../server/src/store/open.ts';
import { collectProcessMetrics } from '../../../server/src/telemetry/metrics.ts';
import { MemoryDirectory } from '../../support/memory-directory.ts';

const { PORT = '0', DATABASE_URL = '', KEY_FILE = '', USERS = '2000', PEOPLE = 'memory' } = process.env;
const { MANAGEMENT_PORT = '0', PRESSURE = 'never' } = process.env;
// As the image does it: first of all.
keepShapeOfTicks();
const { createLog, readKeyFile, start } = await import('../../../server/src/app.ts');
const directory = new MemoryDirectory();
for (let index = 0; index < Number(USERS); index++) directory.add(`user-${index}`);

const metrics = new Registry();
collectProcessMetrics(metrics);
const server = await start({
  database: await openDatabase(DATABASE_URL),
  ownsDatabase: true,
  listen: { host: '127.0.0.1', port: Number(PORT) },
  management: { host: '127.0.0.1', port: Number(MANAGEMENT_PORT) },
  keyEncryptionKeys: readKeyFile(KEY_FILE).keys,
  log: createLog({ level: 'info', format: 'json', service: 'nauthera-server', version: 'bench' }),
  metrics,
  onLoaded: giveMemoryBack,
  // Where overload is not what is measured, nobody is refused for it.
  ...(PRESSURE === 'production' ? {} : { pressure: { maxDelay: Number.POSITIVE_INFINITY } }),
  ...(PEOPLE === 'live' ? {} : { seams: { directory } }),
});
await server.ready();
process.once('SIGTERM', () => void server.stop().then(() => process.exit(0)));
process.send?.('ready');
