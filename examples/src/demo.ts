/** `npm run demo`: the whole product on loopback, with a directory, sample resources and a sample application. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Application, startApplication, unguessablePath } from './application/server.ts';
import type { Facts } from './check/facts.ts';
import { startChild } from './demo/child.ts';
import {
  bindPassword,
  type Folders,
  prepareFolders,
  secretFile,
  setPorts,
  throwawayFolder,
  writeApplicationCa,
  writeCurlConfig,
  writeDirectoryCa,
} from './demo/folders.ts';
import { makeObserver } from './demo/observed.ts';
import { checkedApplications, isNeeded, registeredOffers, resourceServer } from './demo/offers.ts';
import { type DemoOptions, readOptions, usage } from './demo/options.ts';
import { type Member, readGroups, readPeople } from './demo/people.ts';
import { freePorts, requireFree, wellKnownPorts } from './demo/ports.ts';
import { type Product, startProduct } from './demo/product.ts';
import { makeDirectoryLog, makeSandbox } from './demo/sandbox.ts';
import { followStatus } from './demo/status.ts';
import { here, waitingFor, welcome } from './demo/text.ts';
import { makeCertificate } from './directory/certificate.ts';
import { type DirectoryEvent, type SampleDirectory, startSampleDirectory } from './directory/server.ts';

const serviceAccount = 'cn=nauthera,ou=services,dc=tideclock,dc=example';
/** The first start makes keys and the database; a slow machine takes its time. */
const startLimit = 180;
const checkScript = join(import.meta.dirname, 'check.ts');

/** What is running, to be stopped in reverse order. */
type Stops = (() => Promise<void>)[];

async function runDemo(options: DemoOptions, stops: Stops, interrupted: Promise<void>): Promise<number> {
  const copy = options.check || options.freePorts;
  const ports = copy ? await freePorts() : wellKnownPorts;
  if (!copy) await requireFree(ports);
  const folder = options.check ? await throwawayFolder() : options.folder;
  if (options.check) stops.push(() => rm(folder, { recursive: true, force: true }));
  const folders = await prepareFolders(folder, { fresh: options.fresh || options.check, copy });

  const ldif = await readFile(join(import.meta.dirname, '../directory.ldif'), 'utf8');
  const people = readPeople(ldif);
  const log = makeDirectoryLog();
  const observer = makeObserver();
  const onEvent = (event: DirectoryEvent) => {
    log.note(event);
    observer.note(event);
  };
  const directory = await startSampleDirectory({ ldif, port: ports.directory, onEvent });
  stops.push(() => directory.stop());
  await introduceDirectory(folders, directory);
  if (copy) await setPorts(folders, wellKnownPorts, { ...ports, directory: directory.port });

  const certificate = await makeCertificate('Sample application', new Date());
  await writeApplicationCa(folders, certificate.caPem);
  const product = startProduct(folders, ports);
  stops.push(() => product.stop());
  for (const line of await waitUntilReady(product, interrupted)) console.log(line);

  const sandbox = makeSandbox({
    directory,
    people,
    groups: readGroups(ldif),
    log,
    look: () => product.look(),
    bindingFile: here(join(folders.resources, 'directory.yaml')),
  });
  const paths = { facts: unguessablePath(), observations: unguessablePath() };
  const application: Application = await startApplication({
    port: ports.application,
    clients: registeredOffers(folders),
    resourceServer: resourceServer(folders),
    backchannel: { port: ports.backchannel, ...certificate, onCall: (call) => observer.hear(call) },
    sandbox,
    documents: options.check
      ? {
          [paths.facts]: () => facts(product, application, folders, people, paths.observations),
          [paths.observations]: () => observer.document(folders.log),
        }
      : {},
  });
  stops.push(() => application.stop());
  if (options.check) return check([`${application.url}${paths.facts}`, ...options.observations], stops, interrupted);
  return serve({ folders, product, application, people }, interrupted);
}

/** The product learns of the directory as it would of any other: its authority in a ConfigMap, its password in a Secret. */
async function introduceDirectory(folders: Folders, directory: SampleDirectory): Promise<void> {
  directory.setAttribute(serviceAccount, 'userPassword', [await bindPassword(folders)]);
  await writeDirectoryCa(folders, directory.caPem);
}

/** @returns a line about each resource that is not, and that nothing here needs. */
async function waitUntilReady(product: Product, interrupted: Promise<void>): Promise<readonly string[]> {
  let missing = '';
  const onWait = (what: string): void => {
    missing = what;
  };
  const ready = product.ready(startLimit, onWait, isNeeded);
  const ended = interrupted.then(() => Promise.reject(new Interrupted()));
  return waitingFor('Starting the authorization server and its resources', Promise.race([ready, ended]), () => missing);
}

/** Ctrl-C while starting. */
class Interrupted extends Error {}

async function facts(
  product: Product,
  application: Application,
  folders: Folders,
  people: readonly Member[],
  observations: string,
): Promise<Facts> {
  return {
    issuer: product.issuer,
    application: application.url,
    redirectUri: `${application.url}/callback`,
    applications: await checkedApplications(folders),
    passwords: Object.fromEntries(people.map(({ username, password }) => [username, password])),
    observations: `${application.url}${observations}`,
  };
}

async function check(args: readonly string[], stops: Stops, interrupted: Promise<void>): Promise<number> {
  const child = startChild(checkScript, args);
  stops.push(() => child.stop(5000));
  return Promise.race([child.exited, interrupted.then(() => 130)]);
}

interface Running {
  readonly folders: Folders;
  readonly product: Product;
  readonly application: Application;
  readonly people: readonly Member[];
}

/** Until Ctrl-C, or until the product ends by itself. Says what becomes of resources that people add or change. */
async function serve(running: Running, interrupted: Promise<void>): Promise<number> {
  const { folders, product, application, people } = running;
  const { issuer, status } = product;
  const known = await checkedApplications(folders);
  const curlConfig = (name: 'night-report' | 'courier' | 'stockroom') =>
    writeCurlConfig(folders, name, known[name].clientId, known[name].clientSecret);
  const curlConfigs = {
    machine: await curlConfig('night-report'),
    opaque: await curlConfig('courier'),
    api: await curlConfig('stockroom'),
  };
  const device = known.television.clientId;
  console.log(welcome({ application: application.url, issuer, status, folders, people, curlConfigs, device }));
  const follow = followStatus({
    look: () => product.look(),
    print: (line) => console.log(line),
    secretPath: (namespace, name) => here(secretFile(folders, namespace, name)),
  });
  const code = await Promise.race([product.child.exited, interrupted.then(() => 0)]);
  await follow.stop();
  if (product.child.running) return code;
  console.error(`the server ended by itself; see ${folders.log}`);
  return 1;
}

/** Resolves at the first Ctrl-C, SIGTERM or closed terminal; the second one ends the process at once. */
function onInterrupt(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        console.error('\nStopping …');
        resolve();
      });
    }
  });
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(usage);
    return 0;
  }
  if ('problem' in options) {
    console.error(`${options.problem}\n\n${usage}`);
    return 2;
  }
  const interrupted = onInterrupt();
  const stops: Stops = [];
  try {
    return await runDemo(options, stops, interrupted);
  } catch (error) {
    if (error instanceof Interrupted) return 130;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    for (const stop of stops.reverse()) await stop().catch((error: unknown) => console.error(error));
  }
}

process.exitCode = await main();
