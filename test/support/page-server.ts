/** Pages by name, as the server would serve them: its headers, style sheets and pictures; posted forms are kept. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pageContentSecurityPolicy } from '../../server/src/http/headers.ts';
import { accentSheetAt, icon, stylesheet } from '../../server/src/views/index.ts';
import { png } from './png.ts';

export interface PageServer {
  readonly origin: string;
  /** HTML by name; its path is `/<name>`. */
  readonly pages: Map<string, string>;
  /** `<path> <body>` of each form, in order. */
  readonly posted: string[];
  close(): Promise<void>;
}

export async function startPageServer(): Promise<PageServer> {
  const pages = new Map<string, string>();
  const posted: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const asset = [stylesheet, icon].find((one) => one.path === path) ?? accentSheetAt(path);
    if (asset !== undefined) {
      response.writeHead(200, asset.headers).end(asset.body);
      return;
    }
    if (path.startsWith('/logos/')) {
      response
        .writeHead(200, { 'content-type': 'image/png' })
        .end(path.endsWith('/client') ? png(48, 48) : png(300, 60));
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'POST') posted.push(`${path} ${Buffer.concat(chunks).toString()}`);
      const page = pages.get(path.slice(1)) ?? '<!doctype html><title>received</title>';
      const headers = {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': pageContentSecurityPolicy,
      };
      response.writeHead(200, headers).end(page);
    });
  });
  await listening(server);
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pages,
    posted,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
