import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { handleTogether } from '../../../server/src/http/handle-together.ts';

function setUp() {
  const happened: string[] = [];
  const app = Fastify({ logger: false });
  app.addHook('onRequest', (request, _reply, done) => {
    happened.push(`${request.url} came`);
    done();
  });
  handleTogether(app);
  app.get('/:name', (request, reply) => {
    happened.push(`${request.url} handled`);
    if (request.url.startsWith('/bad')) throw new Error('bad');
    void reply.send(request.url);
  });
  return { app, happened };
}

describe('requests of one turn of the event loop', () => {
  it('are handled once all of them came, in their order', async () => {
    const { app, happened } = setUp();
    await app.ready();
    await Promise.all(['/a', '/b', '/c'].map((url) => app.inject({ url })));
    expect(happened).toEqual(['/a came', '/b came', '/c came', '/a handled', '/b handled', '/c handled']);
  });

  it('are all answered, however many they are and whatever becomes of some of them', async () => {
    const { app } = setUp();
    const urls = Array.from({ length: 200 }, (_, index) => (index % 7 === 0 ? `/bad-${index}` : `/good-${index}`));
    const answers = await Promise.all(urls.map((url) => app.inject({ url })));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(
      urls.map((url) => (url.startsWith('/bad') ? 500 : 200)),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 200).map(({ body }) => body)).toEqual(
      urls.filter((url) => url.startsWith('/good')),
    );
  });
});
