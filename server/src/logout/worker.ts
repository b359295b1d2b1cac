/**
 * Tells applications that a session is over. What is owed lies in the database, so that no crash forgets it; every replica
 * has a worker, and a lease sees to it that one of them calls at a time.
 */
import { randomUUID } from 'node:crypto';
import type { Signer } from '../keys/keys.ts';
import type { OutboundGate } from '../outbound/gate.ts';
import type { Clock } from '../protocol/time.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { Stop } from '../store/database.ts';
import type { LogoutDelivery, LogoutDeliveryStore } from '../store/logout-deliveries.ts';
import { errorFields, type Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { newId } from '../tokens/handle.ts';
import { logoutTokenClaims, logoutTokenType } from '../tokens/logout-token.ts';
import type { SessionNames } from '../tokens/session-name.ts';
import type { SubjectOf } from '../tokens/subject.ts';
import { type Destination, deliverAll, type RoundPorts } from './round.ts';

/** Milliseconds between two looks into the outbox when nothing is known to be due: another replica may have died. */
const lookEvery = 20_000;
/** Milliseconds after something failed, or was not there yet. */
const afterFailure = 2_000;
/** By the database's clock, so not a moment too early. */
const slack = 50;
/** A round begins no call after so long; with the last call's five seconds it ends well within a lease. */
const lastCall = 20_000;

export interface LogoutWorkerPorts {
  readonly store: LogoutDeliveryStore;
  readonly gate: OutboundGate;
  readonly signer: Signer;
  readonly subjectOf: SubjectOf;
  readonly sessionNames: Pick<SessionNames, 'told'>;
  readonly snapshot: SnapshotSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface LogoutWorker {
  /** Something is owed since a moment: it is sent now. */
  soon(): void;
  start(): Stop;
}

export function createLogoutWorker(ports: LogoutWorkerPorts): LogoutWorker {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let started = false;
  let stopped = false;

  const wait = (milliseconds: number): void => {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(run, milliseconds).unref();
  };
  const run = (): void => {
    clearTimeout(timer);
    again = false;
    running = workOff(ports, () => stopped)
      .catch((error: unknown) => {
        ports.log.warn('logout tokens could not be sent', errorFields(error));
        return afterFailure;
      })
      .then((dueIn) => {
        running = undefined;
        wait(again ? 0 : dueIn);
      });
  };
  return {
    soon() {
      if (!started || stopped) return;
      if (running === undefined) run();
      else again = true;
    },
    start() {
      started = true;
      run();
      return async () => {
        stopped = true;
        clearTimeout(timer);
        await running;
      };
    },
  };
}

/** Everything that is due, batch by batch; the milliseconds until there may be more. */
async function workOff(ports: LogoutWorkerPorts, isStopped: () => boolean): Promise<number> {
  // Before the registry is read every client would look withdrawn, and nobody would be told.
  while (!isStopped() && ports.snapshot.current.server !== undefined) {
    const lease = randomUUID();
    const { deliveries, pending, dueIn } = await ports.store.claim(lease);
    ports.metrics.logoutPending.set(pending);
    if (deliveries.length === 0) return Math.min(lookEvery, (dueIn ?? Number.POSITIVE_INFINITY) * 1000 + slack);
    await ports.store.settle(lease, await deliverAll(roundPorts(ports, isStopped), deliveries));
  }
  return afterFailure;
}

function roundPorts(ports: LogoutWorkerPorts, isStopped: () => boolean): RoundPorts {
  const { gate, metrics, log } = ports;
  const until = performance.now() + lastCall;
  return {
    gate,
    destinationOf: (delivery) => destinationOf(ports, delivery),
    goesOn: () => !isStopped() && performance.now() < until,
    onError: (error) => log.warn('a logout token could not be made', errorFields(error)),
    onOutcome: (outcome, { clientId, attempts }, problem) => {
      metrics.logoutDeliveries.inc({ outcome });
      if (problem === undefined) return;
      const fields = { 'nauthera.client.id': clientId, 'error.type': problem, count: attempts + 1 };
      if (outcome === 'gave_up') log.warn('an application was not told of a logout', fields);
      else log.info('an application could not be told of a logout yet', fields);
    },
  };
}

/** A client made anew under the same id took part in no session of its predecessor's. */
function destinationOf(
  { snapshot, signer, subjectOf, sessionNames, clock }: LogoutWorkerPorts,
  { clientId, clientUid, subject, sessionId }: LogoutDelivery,
): Destination | undefined {
  const client = snapshot.current.client(clientId);
  const issuer = snapshot.current.server?.value.issuer;
  const url = client?.value.backchannel_logout_uri;
  if (client === undefined || issuer === undefined || url === undefined || client.owner.uid !== clientUid) {
    return undefined;
  }
  const { value, owner } = client;
  return {
    url,
    namespace: owner.namespace,
    sign: () =>
      signer.sign(
        value.id_token_signed_response_alg,
        logoutTokenType,
        logoutTokenClaims({
          issuer,
          clientId,
          subject: subjectOf(value, subject),
          sid: sessionNames.told(value, sessionId),
          issuedAt: clock.now(),
          tokenId: newId(),
        }),
      ),
  };
}
