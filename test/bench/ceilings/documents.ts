/** The least that an answer without any work can cost: a prebuilt buffer with its headers. */
import Fastify from 'fastify';
import { keepShapeOfTicks } from '../../../server/src/memory.ts';

keepShapeOfTicks();
const { PORT = '0' } = process.env;
const document = Buffer.from(JSON.stringify({ issuer: `http://127.0.0.1:${PORT}`, filler: 'x'.repeat(1800) }));
const app = Fastify({ logger: false });
app.get('/document', (_request, reply) =>
  reply.header('content-type', 'application/json').header('cache-control', 'public, max-age=300').send(document),
);
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
process.send?.('ready');
