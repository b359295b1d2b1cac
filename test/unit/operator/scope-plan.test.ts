import type { Kind } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import type { WithSpec } from '../../../operator/src/controllers/attachment.ts';
import { planScope } from '../../../operator/src/controllers/scope/plan.ts';
import { accepted, manifest } from '../crds/builders.ts';

function observed<K extends Kind>(kind: K, namespace: string, name: string, spec: object): WithSpec<K> {
  const resource = accepted(kind, manifest(kind, { ...spec }, { namespace, name }));
  return {
    kind,
    namespace,
    name,
    uid: `${kind} ${namespace}/${name}`,
    createdAt: '2026-01-01T00:00:00Z',
    labels: {},
    annotations: {},
    generation: 1,
    spec: resource.spec as WithSpec<K>['spec'],
    specGeneration: 1,
    refused: undefined,
    status: { observedGeneration: 0, conditions: [] } as unknown as WithSpec<K>['status'],
    deleting: false,
  };
}

function judge(namespace: string, spec: object, clientPolicies: readonly object[] = []) {
  const { accepted: condition, action } = planScope({
    source: 'folder',
    scope: observed('Scope', namespace, 'read', { name: `${namespace}:read`, ...spec }),
    namespace: { name: namespace, labels: {} },
    attachment: {
      outcome: 'attached',
      server: observed('AuthorizationServer', 'auth', 'main', clientPolicies.length === 0 ? {} : { clientPolicies }),
    },
    serverHolds: 'yes',
    stored: null,
  });
  return { ...condition, action };
}

const policy = (consentModes: readonly string[]) => ({ name: 'p', namespaces: { from: 'All' }, consentModes });

describe('no namespace does without consent on its own', () => {
  it('a Scope with Implicit consent needs a policy, or whoever writes it and a Client skips the consent page', () => {
    expect(judge('shop', { consent: 'Implicit' })).toMatchObject({
      status: 'False',
      reason: 'PolicyViolation',
      action: 'withdraw',
      message:
        'spec.consent: "Implicit" is refused by policy "built-in" of auth/main, which allows Required. Change it or ask the owner of that server',
    });
  });

  it.each([
    ['Required needs none', 'shop', { consent: 'Required' }, []],
    ['a policy grants it', 'shop', { consent: 'Implicit' }, [policy(['Always', 'Implicit'])]],
    ["the server's own namespace decides for itself", 'auth', { consent: 'Implicit' }, []],
  ])('%s', (_, namespace, spec, policies) => {
    expect(judge(namespace, spec, policies)).toMatchObject({ status: 'True', action: 'put' });
  });

  it('a policy that leaves it out grants it to nobody', () => {
    expect(judge('shop', { consent: 'Implicit' }, [policy(['Always'])])).toMatchObject({ reason: 'PolicyViolation' });
    const { consentModes: _, ...silent } = policy([]);
    expect(judge('shop', { consent: 'Implicit' }, [silent])).toMatchObject({ reason: 'PolicyViolation' });
  });
});
