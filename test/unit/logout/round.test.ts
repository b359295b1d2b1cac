import { describe, expect, it } from 'vitest';
import { nextAttemptIn } from '../../../server/src/logout/back-off.ts';
import { type DeliveryOutcome, deliverAll, type RoundPorts } from '../../../server/src/logout/round.ts';
import { OutboundFailed } from '../../../server/src/outbound/gate.ts';
import type { LogoutDelivery } from '../../../server/src/store/logout-deliveries.ts';

/** Retries against a real receiver: test/flows/back-channel-logout.test.ts. This is what it cannot wait for. */
const delivery = (clientId: string, sessionId = 's', attempts = 0): LogoutDelivery => ({
  clientId,
  sessionId,
  clientUid: `uid-of-${clientId}`,
  subject: 'u_ada',
  attempts,
});

interface Made {
  readonly ports: RoundPorts;
  readonly calls: string[];
  readonly outcomes: [DeliveryOutcome, string | undefined][];
  readonly errors: unknown[];
}

function round(answer: (url: string) => number | Error, more: Partial<RoundPorts> = {}): Made {
  const made: Omit<Made, 'ports'> = { calls: [], outcomes: [], errors: [] };
  const ports: RoundPorts = {
    gate: {
      call: async ({ url }) => {
        made.calls.push(url);
        await Promise.resolve();
        const status = answer(url);
        if (status instanceof Error) throw status;
        return { status, headers: {}, body: Buffer.alloc(0) };
      },
    },
    destinationOf: ({ clientId }) => ({
      url: `https://${clientId}/`,
      namespace: 'shop',
      sign: () => Promise.resolve('token'),
    }),
    goesOn: () => true,
    onOutcome: (outcome, _delivery, problem) => made.outcomes.push([outcome, problem]),
    onError: (error) => made.errors.push(error),
    ...more,
  };
  return { ...made, ports };
}

describe('back-off', () => {
  it('10 s, 1, 5 and 30 min, 2 and 6 h; the seventh attempt was the last', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map(nextAttemptIn)).toEqual([10, 60, 300, 1800, 7200, 21_600, undefined]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])('after %i failures before', async (attempts) => {
    const { ports, outcomes } = round(() => 500);
    const [settled] = await deliverAll(ports, [delivery('a', 's', attempts)]);
    const againIn = nextAttemptIn(attempts + 1);
    expect(settled).toMatchObject({ failed: true, ...(againIn === undefined ? {} : { againIn }) });
    expect(settled !== undefined && 'againIn' in settled).toBe(attempts < 6);
    expect(outcomes).toEqual([[attempts < 6 ? 'retried' : 'gave_up', 'status 500']]);
  });
});

describe('a round', () => {
  it('calls every address at once, each of them one at a time', async () => {
    let open = 0;
    let most = 0;
    const perUrl = new Map<string, number>();
    const { ports } = round(() => 200, {
      gate: {
        call: async ({ url }) => {
          open += 1;
          most = Math.max(most, open);
          perUrl.set(url, (perUrl.get(url) ?? 0) + 1);
          expect(perUrl.get(url)).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          perUrl.set(url, 0);
          open -= 1;
          return { status: 200, headers: {}, body: Buffer.alloc(0) };
        },
      },
    });
    await deliverAll(
      ports,
      ['a', 'b', 'c'].flatMap((client) => [delivery(client, '1'), delivery(client, '2')]),
    );
    expect(most).toBe(3);
  });

  it('who does not answer is not asked again, and each of its deliveries counts as tried', async () => {
    const { ports, calls, outcomes } = round((url) => (url === 'https://a/' ? new OutboundFailed('timeout') : 200));
    const settled = await deliverAll(ports, [delivery('a', '1'), delivery('a', '2'), delivery('b', '1')]);
    expect(calls.toSorted()).toEqual(['https://a/', 'https://b/']);
    expect(outcomes.map(([outcome]) => outcome).toSorted()).toEqual(['delivered', 'retried', 'retried']);
    expect(settled.filter(({ failed }) => failed)).toHaveLength(2);
  });

  it('who refuses one may take the next', async () => {
    const { ports, calls } = round(() => 400);
    await deliverAll(ports, [delivery('a', '1'), delivery('a', '2')]);
    expect(calls).toHaveLength(2);
  });

  it('what was not begun in time is handed back, and no attempt is counted', async () => {
    const { ports, calls } = round(() => 200, { goesOn: () => false });
    expect(await deliverAll(ports, [delivery('a')])).toEqual([{ delivery: delivery('a'), failed: false, againIn: 0 }]);
    expect(calls).toEqual([]);
  });

  it('nobody who wants to hear of it: the row goes', async () => {
    const { ports, outcomes } = round(() => 200, { destinationOf: () => undefined });
    expect(await deliverAll(ports, [delivery('a')])).toEqual([{ delivery: delivery('a'), failed: false }]);
    expect(outcomes).toEqual([]);
  });

  it('a token that cannot be signed is our fault: it comes again, and the others are told', async () => {
    const fault = new Error('no key');
    const { ports, errors, calls } = round(() => 200, {
      destinationOf: ({ clientId }) => ({
        url: `https://${clientId}/`,
        namespace: 'shop',
        sign: () => (clientId === 'a' ? Promise.reject(fault) : Promise.resolve('token')),
      }),
    });
    const settled = await deliverAll(ports, [delivery('a'), delivery('b')]);
    expect(settled).toEqual([
      { delivery: delivery('a'), failed: false, againIn: 10 },
      { delivery: delivery('b'), failed: false },
    ]);
    expect([errors, calls]).toEqual([[fault], ['https://b/']]);
  });
});
