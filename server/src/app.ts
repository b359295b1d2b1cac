/**
 * The catalogue of the authorization server: what exists, and in which order it starts and ends. Its long-lived parts are
 * built in `parts.ts`. Nothing here touches the process; `main.ts` does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { mountManagement } from './endpoints/health.ts';
import { createDelivery } from './endpoints/respond.ts';
import { trackConnections } from './http/drain.ts';
import { createErrorReply } from './http/error-reply.ts';
import { acceptFormsOnly } from './http/form.ts';
import { listen } from './http/listen.ts';
import { createHttp, defaultLimits } from './http/listener.ts';
import type { Readiness } from './http/readiness.ts';
import { openServingCertificate, type ServingCertificate, TlsFolderInvalid } from './http/serving-certificate.ts';
import { createServed, type Listener, mutualTlsListener, publicListener } from './listeners.ts';
import { measureNow } from './measure-now.ts';
import type { RunningServer, ServerOptions } from './options.ts';
import { createParts, type Parts } from './parts.ts';

export { KeyFileInvalid, readKeyFile, requireOutsideDatabase } from './config/key-file.ts';
export type { Address } from './http/listen.ts';
export { AddressRefused } from './http/listen.ts';
export { TlsFolderInvalid } from './http/serving-certificate.ts';
export type { RunningServer, Seams, ServerOptions } from './options.ts';
export { createLog, type Log } from './telemetry/log.ts';

/** Milliseconds that requests in flight have to finish. */
const drainCap = 20_000;

/** @throws AddressRefused when an address cannot be listened on, TlsFolderInvalid; a database that is away only keeps it unready */
export async function start(options: ServerOptions): Promise<RunningServer> {
  const parts = createParts(options);
  const { log, readiness } = parts;
  const certificate = await openCertificate(options, parts);
  const served = createServed(options, parts);
  const open = publicListener(options, parts, served, certificate);
  const management = managementListener(options, parts);
  const mutual = certificate && options.mutualTlsListen && mutualTlsListener(options, parts, served, certificate);
  const all = [open, management, ...(mutual === undefined ? [] : [mutual])];
  await Promise.all(all.map(({ app }) => app.ready()));
  const listening = async () => ({
    managementUrl: await listen(management.app, options.management, '--management'),
    url: await listen(open.app, options.listen, '--listen'),
    ...(mutual === undefined || options.mutualTlsListen === undefined
      ? {}
      : { mutualTlsUrl: await listen(mutual.app, options.mutualTlsListen, '--mutual-tls-listen') }),
  });
  const urls = await listening().catch(async (error: unknown) => {
    certificate?.stop();
    await Promise.all(all.map(({ drain }) => drain.close(0)));
    throw error;
  });
  log.info('listening', { 'nauthera.url': urls.url, 'nauthera.replica': parts.replica });
  const stopParts = run(parts, options);

  let stopping: Promise<void> | undefined;
  const stop = async (linger: number): Promise<void> => {
    readiness.drain();
    await Promise.all([open.drain.close(drainCap, linger), mutual?.drain.close(drainCap, linger)]);
    certificate?.stop();
    await stopParts();
    await management.drain.close(0);
    if (options.ownsDatabase === true) await options.database.close();
    log.info('stopped');
    log.flush();
  };
  return {
    ...urls,
    ready: () => becomesReady(readiness, () => stopping !== undefined),
    stop: (linger = 0) => {
      stopping ??= stop(linger);
      return stopping;
    },
  };
}

/** What listeners with TLS show. */
async function openCertificate(
  { tls, mutualTlsListen }: ServerOptions,
  parts: Parts,
): Promise<ServingCertificate | undefined> {
  if (tls === undefined) {
    if (mutualTlsListen === undefined) return undefined;
    throw new TlsFolderInvalid('--mutual-tls-listen has no certificate to show: set --tls-folder');
  }
  const certificate = await openServingCertificate({ ...tls, log: parts.log.named('http') });
  const measured = (): void =>
    parts.metrics.tlsCertificateExpiry.set({ use: 'serving' }, certificate.current.expiresAt / 1000);
  measured();
  certificate.onChange(measured);
  return certificate;
}

/** Starts what runs beside requests; returns how it ends. */
function run(parts: Parts, { onLoaded }: ServerOptions): () => Promise<void> {
  const { follower, keys, pairwiseSalt, directories, heartbeat, flows, pressure, proxies, server, log } = parts;
  let trusted: string | undefined;
  follower.onSwap(() => {
    const now = JSON.stringify(server()?.trusted_proxies);
    if (now !== trusted) proxies.forget();
    trusted = now;
  });
  // A server that was just declared waits for no interval.
  follower.onSwap((changed) => {
    if (changed === 'all' || changed.some(({ kind }) => kind === 'server')) {
      void keys.refresh().then(() => heartbeat.soon());
    }
  });
  follower.onSwap((changed) => {
    if (changed === 'all') onLoaded?.();
  });
  void follower.start();
  keys.start();
  pairwiseSalt.start();
  heartbeat.start();
  directories?.onProbe(() => heartbeat.soon());
  directories?.start();
  flows.recheck.onHalted(() => heartbeat.soon());
  const stopFlows = flows.start();
  return async () => {
    pressure.stop();
    directories?.stop();
    await Promise.all([keys.stop(), pairwiseSalt.stop(), follower.stop(), stopFlows()]);
    await heartbeat.stop().catch(() => log.warn('the last report could not be taken back'));
  };
}

function managementListener(options: ServerOptions, parts: Parts): Listener {
  const { limits, managementRoutes = {} } = options;
  const { log, metrics, readiness } = parts;
  const app = createHttp({ limits: { ...defaultLimits, ...limits } });
  const drain = trackConnections(app);
  acceptFormsOnly(app);
  const renderError = ({ code }: { readonly code: string }): string => code;
  const deliver = createDelivery(() => undefined);
  app.setErrorHandler(
    createErrorReply({ renderError, deliver, log: log.named('management'), issuer: () => undefined }),
  );
  mountManagement(app, {
    readiness,
    registry: metrics.registry,
    beforeScrape: () => measureNow(parts, options.database),
    routes: managementRoutes,
  });
  return { app, drain };
}

async function becomesReady(readiness: Readiness, isStopping: () => boolean): Promise<void> {
  while (readiness.problems().length > 0) {
    if (isStopping()) throw new Error('stopped before it was ready');
    await sleep(20);
  }
}
