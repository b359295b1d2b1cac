/** Health and metrics over HTTP, for whoever runs the process. Nothing else is answered, and nothing is told. */
import { createServer, type Server, type ServerResponse } from 'node:http';

/** True: fine. Must be quick and must not wait. */
export type ReadyCheck = () => boolean;

export interface MetricsText {
  /** Media type. */
  readonly type: string;
  readonly text: string;
}

export interface ManagementOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0: a free one. */
  readonly port: number;
  /** By name, as `/readyz` lists those that are not fine. */
  readonly checks: Readonly<Record<string, ReadyCheck>>;
  /** Default: there are none. */
  readonly metrics?: () => Promise<MetricsText>;
}

export interface Management {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * `GET /livez`: 200 whenever the event loop answers. `GET /readyz`: 200, or 503 with the names of the checks that fail.
 * `GET /metrics`: as Prometheus reads them.
 * @throws Error the address cannot be listened on
 */
export async function startManagement(options: ManagementOptions): Promise<Management> {
  const host = options.host ?? '127.0.0.1';
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 5000 },
    (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'method not allowed');
      if (request.url === '/livez') return answer(response, 200, 'ok');
      if (request.url === '/metrics' && options.metrics !== undefined) return tell(response, options.metrics);
      if (request.url !== '/readyz') return answer(response, 404, 'not found');
      const failing = failingChecks(options.checks);
      if (failing.length === 0) answer(response, 200, 'ok');
      else answer(response, 503, failing.map((name) => `not ready: ${name}`).join('\n'));
    },
  );
  server.maxConnections = 100;
  const port = await listen(server, host, options.port);
  return {
    host,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function failingChecks(checks: ManagementOptions['checks']): string[] {
  return Object.entries(checks)
    .filter(([, check]) => !passes(check))
    .map(([name]) => name);
}

function passes(check: ReadyCheck): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

const plain = 'text/plain; charset=utf-8';

function answer(response: ServerResponse, status: number, text: string, type = plain): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(text.endsWith('\n') ? text : `${text}\n`);
}

function tell(response: ServerResponse, metrics: NonNullable<ManagementOptions['metrics']>): void {
  void metrics().then(
    ({ type, text }) => answer(response, 200, text, type),
    () => answer(response, 500, 'the metrics cannot be read'),
  );
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
