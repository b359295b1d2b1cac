/**
 * The sample application for a Client of your own: `node examples/src/application/main.ts SECRET-FILE [--port N]`.
 * SECRET-FILE is the Secret that the operator wrote for it.
 */
import { parseArgs } from 'node:util';
import { readCredentials } from './credentials.ts';
import { startApplication } from './server.ts';

const usage = `Usage: node examples/src/application/main.ts SECRET-FILE [--port N]

Walks through the flows of one Client and shows every message.

  SECRET-FILE   the Secret that the operator wrote for the Client (YAML)
  --port N      where to listen on 127.0.0.1 (default 9501; 0: any free port). The Client's redirect URI
                http://127.0.0.1:9501/callback stands for every port`;

const defaultPort = 9501;

const isTaken = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';

const taken = (port: number): string =>
  `port ${port} of 127.0.0.1 is in use: is another sample application running? Stop it, or take another port with --port N ` +
  '(0: any free one); the redirect URIs of the Client stand for every port of 127.0.0.1';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: String(defaultPort) }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [secretFile, ...more] = positionals;
  const port = Number(values.port);
  if (secretFile === undefined || more.length > 0 || !Number.isInteger(port)) {
    console.error(usage);
    return 2;
  }
  const { clientName } = await readCredentials(secretFile);
  const about = `The application of the Client that ${secretFile} was written for.`;
  const application = await startApplication({ port, clients: [{ key: 'own', about, secretFile }] }).catch(
    (error: unknown) => {
      throw isTaken(error) ? new Error(taken(port)) : error;
    },
  );
  console.log(`${clientName} is at ${application.url}  (Ctrl-C stops it)`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await application.stop();
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
