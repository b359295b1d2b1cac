/** One round over what a worker has claimed: every application is called, each URL one at a time. */
import { type OutboundAnswer, OutboundFailed, type OutboundGate } from '../outbound/gate.ts';
import type { LogoutDelivery, Settlement } from '../store/logout-deliveries.ts';
import { nextAttemptIn } from './back-off.ts';

/** Where a delivery goes. */
export interface Destination {
  readonly url: string;
  readonly namespace: string;
  /** Signed when its turn has come, so that no token ages in a queue. */
  readonly sign: () => Promise<string>;
}

export type DeliveryOutcome = 'delivered' | 'retried' | 'gave_up';

export interface RoundPorts {
  readonly gate: OutboundGate;
  /** `undefined`: nobody wants to be told any more; the client was withdrawn, or declared anew without the URI. */
  readonly destinationOf: (delivery: LogoutDelivery) => Destination | undefined;
  /** `false`: no further call is begun; what is left is handed back. */
  readonly goesOn: () => boolean;
  /** A delivery that failed on our side, e.g. for want of a signing key. */
  readonly onError: (error: unknown) => void;
  /** @param problem why it was not delivered: a status, or what the gate says. */
  readonly onOutcome: (outcome: DeliveryOutcome, delivery: LogoutDelivery, problem?: string) => void;
}

/** Milliseconds for one call. */
export const callTimeout = 5_000;
/** Seconds until what failed on our side is tried again. */
const ourFault = 10;

interface Due {
  readonly delivery: LogoutDelivery;
  readonly to: Destination;
}

/** Never throws: whatever happens to one of them, the others are told, and each is settled. */
export async function deliverAll(
  ports: RoundPorts,
  deliveries: readonly LogoutDelivery[],
): Promise<readonly Settlement[]> {
  const settled: Settlement[] = [];
  const queues = new Map<string, Due[]>();
  for (const delivery of deliveries) {
    const to = ports.destinationOf(delivery);
    if (to === undefined) settled.push({ delivery, failed: false });
    else queues.set(to.url, [...(queues.get(to.url) ?? []), { delivery, to }]);
  }
  const worked = await Promise.all([...queues.values()].map((queue) => workOff(ports, queue)));
  return [...settled, ...worked.flat()];
}

/** The deliveries of one URL, one after the other. */
async function workOff(ports: RoundPorts, queue: readonly Due[]): Promise<readonly Settlement[]> {
  const settled: Settlement[] = [];
  let silent: Attempt | undefined;
  for (const { delivery, to } of queue) {
    if (silent === undefined && !ports.goesOn()) {
      // Not begun is not failed: whoever claims it next calls at once.
      settled.push({ delivery, failed: false, againIn: 0 });
      continue;
    }
    try {
      // Who did not answer a moment ago is not asked again for every session that ended.
      const attempt = silent ?? (await call(ports.gate, to));
      if (!attempt.told && attempt.silent === true) silent = attempt;
      settled.push(settlementOf(ports, delivery, attempt));
    } catch (error) {
      ports.onError(error);
      settled.push({ delivery, failed: false, againIn: ourFault });
    }
  }
  return settled;
}

type Attempt = { readonly told: true } | { readonly told: false; readonly problem: string; readonly silent?: true };

/** @throws whatever signing throws; nothing was sent then */
async function call(gate: OutboundGate, { url, namespace, sign }: Destination): Promise<Attempt> {
  const body = new URLSearchParams({ logout_token: await sign() }).toString();
  try {
    const answer = await gate.call({
      url,
      namespace,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body,
      timeout: callTimeout,
    });
    return isTold(answer) ? { told: true } : { told: false, problem: `status ${answer.status}` };
  } catch (error) {
    if (error instanceof OutboundFailed) return { told: false, problem: error.reason, silent: true };
    throw error;
  }
}

/** §2.8: 200; some frameworks make 204 of an empty answer, and that is as good. */
function isTold({ status }: OutboundAnswer): boolean {
  return status === 200 || status === 204;
}

function settlementOf({ onOutcome }: RoundPorts, delivery: LogoutDelivery, attempt: Attempt): Settlement {
  if (attempt.told) {
    onOutcome('delivered', delivery);
    return { delivery, failed: false };
  }
  const againIn = nextAttemptIn(delivery.attempts + 1);
  onOutcome(againIn === undefined ? 'gave_up' : 'retried', delivery, attempt.problem);
  return { delivery, failed: true, ...(againIn === undefined ? {} : { againIn }) };
}
