import { afterEach, describe, expect, it } from 'vitest';
import { trackConnections } from '../../../server/src/http/drain.ts';
import { createHttp, defaultLimits } from '../../../server/src/http/listener.ts';
import { RawConnection } from '../../support/raw-http.ts';

const open: RawConnection[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});

async function listening(handle: () => Promise<string>) {
  const app = createHttp({ limits: defaultLimits });
  const drain = trackConnections(app);
  app.get('/', handle);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const connect = async (): Promise<RawConnection> => {
    const connection = await RawConnection.open(url);
    open.push(connection);
    return connection;
  };
  return { url, drain, connect };
}
const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

describe('F42: the graceful end', () => {
  it('waits for what is in flight, and not for connections that are idle or never spoke', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    const { url, drain, connect } = await listening(() => {
      asked.resolve();
      return answer.promise;
    });
    const [silent, busy] = [await connect(), await connect()];
    busy.send(request);
    await asked.promise;
    let ended = false;
    const closing = drain.close(60_000).then(() => {
      ended = true;
    });
    await silent.closed();
    await expect(RawConnection.open(url)).rejects.toThrow(/ECONNREFUSED/);
    expect(ended).toBe(false);
    answer.resolve('done');
    expect(await busy.closed()).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*done$/i);
    await closing;
  });

  it('answers the first request of a connection that was made before the end began', async () => {
    const { drain, connect } = await listening(() => Promise.resolve('done'));
    const silent = await connect();
    const closing = drain.close(60_000);
    silent.send(request);
    expect(await silent.closed()).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*done$/i);
    await closing;
  });

  it('lingers where somebody is connected: all is answered, and each connection told that it ends', async () => {
    const { url, drain, connect } = await listening(() => Promise.resolve('done'));
    const known = await connect();
    known.send(request);
    await known.until('done');
    const closing = drain.close(60_000, 6_000);
    known.send(request);
    expect(await known.closed()).toMatch(/connection: close[^]*done$/i);
    const late = await connect();
    late.send(request);
    expect(await late.closed()).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*done$/i);
    await closing;
    await expect(RawConnection.open(url)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('waits for nobody where nobody is connected', async () => {
    const { drain } = await listening(() => Promise.resolve('done'));
    await drain.close(60_000, 600_000);
  });

  it('cuts what is not finished when its time is over', async () => {
    const asked = Promise.withResolvers<void>();
    const { drain, connect } = await listening(() => {
      asked.resolve();
      return new Promise(() => undefined);
    });
    const busy = await connect();
    busy.send(request);
    await asked.promise;
    await drain.close(100);
    expect(await busy.closed()).toBe('');
  });
});
