/** A Client's secret through its passes: what one leaves behind is what the next one finds. */
import type { WithSpec } from '../../../operator/src/controllers/attachment.ts';
import {
  type Adopted,
  planAdopted,
  planRevokedAdopted,
} from '../../../operator/src/controllers/client/adopted-secret.ts';
import { requestsOf } from '../../../operator/src/controllers/client/requests.ts';
import {
  judgeRetirement,
  type RotationTimes,
  rotationTimes,
} from '../../../operator/src/controllers/client/rotation.ts';
import { digestOf, planSecret } from '../../../operator/src/controllers/client/secret.ts';
import type { SecretFacts } from '../../../operator/src/controllers/client/secret-facts.ts';
import type { SecretEvent, SecretPlan } from '../../../operator/src/controllers/client/secret-terms.ts';
import type { Secret } from '../../../operator/src/sources/source.ts';
import type { SecretNotes, SecretUse } from '../../../server/src/registry/index.ts';
import { observed } from './resources.ts';

export const t0 = Date.parse('2026-06-01T00:00:00Z');
export const hour = 3_600_000;

export class Life {
  now = t0;
  spec: Record<string, unknown>;
  annotations: Record<string, string> = {};
  lastHandled: Record<string, string> = {};
  /** What is kept in Kubernetes, or in the folder. */
  readonly secrets = new Map<string, Secret>();
  digests: readonly string[] = [];
  notes: SecretNotes | undefined;
  known: SecretPlan['accepted'] = [];
  /** Every live replica serves the row. */
  served = true;
  use: Partial<SecretUse> = {};
  times: RotationTimes | undefined;
  judge = judgeRetirement;
  readonly events: SecretEvent[] = [];
  /** How often every token was ended. */
  revocations = 0;
  #version = 0;
  #fresh = 1;

  constructor(spec: Record<string, unknown> = {}) {
    this.spec = spec;
  }

  get client(): WithSpec<'Client'> {
    return observed('Client', 'web', this.spec, { annotations: this.annotations });
  }

  get facts(): SecretFacts {
    const { client } = this;
    const status = { ...client.status, lastHandled: this.lastHandled };
    const name = this.#name;
    return {
      client,
      others: [...this.secrets.values()].filter((secret) => secret.name !== name && secret.owner !== undefined),
      storedDigests: this.digests,
      storedNotes: this.notes,
      storedServed: this.served,
      known: this.known,
      requests: requestsOf({ annotations: this.annotations, status }, this.notes?.handled),
      times: this.times ?? rotationTimes(client.spec),
      judge: this.judge,
      use: { now: this.now, knownUntil: this.now, ...this.use },
      now: this.now,
    };
  }

  get #name(): string {
    return this.client.spec.secret?.name ?? 'web-oauth2';
  }

  /** In the Secret of that name. */
  value(name = this.#name): string | undefined {
    return this.secrets.get(name)?.data['client-secret'];
  }

  /** One pass over a generated secret; `crash`: nothing is written after that. */
  pass(crash: 'after the Secret' | 'after the registration' | 'never' = 'never'): SecretPlan {
    const { client, facts } = this;
    const fresh = `secret ${this.#fresh}`;
    const plan = planSecret({
      ...facts,
      issuer: 'https://id.example.com',
      target: this.secrets.get(this.#name),
      fresh,
    });
    // A process that starts anew has another one.
    if (plan.digests.includes(digestOf(fresh)) && !(plan.keepsFresh && crash === 'never')) this.#fresh += 1;
    return this.#carryOut(plan, client, crash);
  }

  adoptedPass(found: Extract<Adopted, { outcome: 'usable' }>): SecretPlan {
    const { facts, client } = this;
    const revoked = facts.requests.revokeAll !== undefined;
    return this.#carryOut(
      revoked ? planRevokedAdopted(facts, found.name, found) : planAdopted(facts, found),
      client,
      'never',
    );
  }

  /** Passes until nothing waits any more. */
  settle(): SecretPlan {
    for (let turn = 0; turn < 10; turn += 1) {
      const plan = this.pass();
      if (!plan.waits && plan.writes.length === 0) return plan;
    }
    throw new Error('it does not come to an end');
  }

  #carryOut(plan: SecretPlan, client: Life['client'], crash: 'after the Secret' | 'after the registration' | 'never') {
    if (plan.revokes) this.revocations += 1;
    for (const write of plan.writes) {
      this.#version += 1;
      if (write.write === 'delete') this.secrets.delete(write.before.name);
      else this.secrets.set(write.next.name, { ...write.next, version: String(this.#version) });
    }
    this.events.push(...plan.events);
    if (crash === 'after the Secret') return plan;
    this.digests = plan.digests;
    this.notes = plan.notes;
    if (crash === 'after the registration') return plan;
    this.known = plan.accepted;
    for (const [name, value] of Object.entries(client.annotations)) {
      const open = requestsOf({ annotations: { [name]: value }, status: { lastHandled: this.lastHandled } });
      const [kind] = Object.keys(open) as (keyof typeof open)[];
      if (kind !== undefined && plan.open[kind] === undefined) this.lastHandled[name] = value;
    }
    return plan;
  }
}
