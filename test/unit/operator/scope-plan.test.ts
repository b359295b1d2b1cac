import { describe, expect, it } from 'vitest';
import { standing } from '../../../crds/src/index.ts';
import { attach } from '../../../operator/src/controllers/attachment.ts';
import { planScope, type ScopeInputs } from '../../../operator/src/controllers/scope/plan.ts';
import type { Observed } from '../../../operator/src/sources/source.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { aServerResource, aStored, observed, shop } from './resources.ts';

interface Case {
  readonly name?: string;
  readonly spec?: Record<string, unknown>;
  readonly namespace?: string;
  readonly servers?: readonly Observed<'AuthorizationServer'>[];
  readonly inputs?: Partial<ScopeInputs>;
}

function plan({
  name = 'read',
  spec = { name: 'shop:read' },
  namespace = 'shop',
  servers = [aServerResource()],
  inputs,
}: Case = {}) {
  const scope = observed('Scope', name, spec, { namespace });
  const facts = namespace === 'shop' ? shop : { name: namespace, labels: {} };
  return planScope({
    source: 'test',
    scope,
    namespace: facts,
    attachment: attach(scope, servers, facts),
    serverHolds: 'yes',
    stored: null,
    ...inputs,
  });
}

const implicit = { name: 'shop:read', consent: 'Implicit' };
const withModes = (consentModes: readonly string[] | undefined) =>
  aServerResource({
    clientPolicies: [
      { name: 'p', namespaces: { from: 'All' }, ...(consentModes === undefined ? {} : { consentModes }) },
    ],
  });

describe('what keeps a Scope from being served', () => {
  it.each<readonly [string, Case, string, string, string]>([
    [
      'M08: a namespace that is not invited',
      { servers: [aServerResource({ allowedScopes: { namespaces: { from: 'Same' } } })] },
      'NotAllowedByServer',
      'AuthorizationServer auth/main takes no Scopes from namespace shop. Its owner can add it in spec.allowedScopes.namespaces (now: Same)',
      'withdraw',
    ],
    [
      'M12: no default server',
      { servers: [] },
      'ServerNotFound',
      'no default AuthorizationServer here: set spec.authorizationServerRef',
      'withdraw',
    ],
    [
      'Two default servers',
      { servers: [aServerResource(), aServerResource({}, { name: 'second' })] },
      'DefaultServerAmbiguous',
      '2 AuthorizationServers are annotated auth.nauthera.io/is-default (auth/main, auth/second): keep one, or set spec.authorizationServerRef',
      'withdraw',
    ],
    [
      'A name of another namespace',
      { spec: { name: 'bank:read' } },
      'PolicyViolation',
      'spec.name: "bank:read" is refused by policy "built-in" of auth/main, which allows shop:*. Change it or ask the owner of that server',
      'withdraw',
    ],
    [
      'A name of nobody',
      { spec: {} },
      'PolicyViolation',
      'metadata.name: "read" is refused by policy "built-in" of auth/main, which allows shop:*. Change it or ask the owner of that server',
      'withdraw',
    ],
    [
      'An audience of somebody else',
      { spec: { name: 'shop:read', audiences: ['shop.api', 'bank.api'] } },
      'PolicyViolation',
      'spec.audiences: "bank.api" is refused by policy "built-in" of auth/main, which allows shop.*. Change it or ask the owner of that server',
      'withdraw',
    ],
    [
      'A name that is taken elsewhere names nobody',
      { inputs: { stored: aStored('shop:read', { namespace: 'bank' }) } },
      'Conflict',
      'scope "shop:read" belongs to an older Scope. Choose another spec.name',
      'leave',
    ],
    [
      'A name that is taken in this namespace',
      { inputs: { stored: aStored('shop:read', { namespace: 'shop', name: 'older' }) } },
      'Conflict',
      'scope "shop:read" belongs to an older Scope in this namespace: older. Choose another spec.name',
      'leave',
    ],
  ])('%s', (_, given, reason, message, action) => {
    const result = plan(given);
    expect(result).toMatchObject({ action, accepted: { type: 'Accepted', status: 'False', reason, message } });
    expect(['Reconciling', 'Stalled']).toContain(standing('Scope', 'Accepted', reason));
    expect(result.status).not.toHaveProperty('name');
  });

  it.each([
    ['not yet', 'leave'],
    ['other', 'withdraw'],
  ] as const)('a server that has its database: %s', (serverHolds, action) => {
    expect(plan({ inputs: { serverHolds } })).toMatchObject({ action, blockedBy: 'AuthorizationServer auth/main' });
  });
});

describe('an accepted Scope', () => {
  it('is registered with what the consent page shows', () => {
    const spec = {
      name: 'shop:read',
      displayName: 'Read',
      description: 'All of it',
      claims: ['tier'],
      audiences: ['shop.api'],
      consent: 'Implicit',
    };
    const result = plan({ spec, servers: [withModes(['Implicit'])] });
    expect(result).toMatchObject({
      action: 'put',
      scope: 'shop:read',
      registration: {
        kind: 'scope',
        id: 'shop:read',
        withdrawn: false,
        value: {
          scope: 'shop:read',
          display_name: 'Read',
          description: 'All of it',
          claims: ['tier'],
          audiences: ['shop.api'],
          consent: 'implicit',
        },
      },
      status: { name: 'shop:read', authorizationServer: 'auth/main' },
    });
    expect(checkRegistration('scope', 'shop:read', result.registration?.value)).toBeNull();
  });

  it('in the namespace of the server may have any name', () => {
    expect(plan({ name: 'invoices', spec: {}, namespace: 'auth' })).toMatchObject({ action: 'put', scope: 'invoices' });
  });
});

describe('no namespace does without consent on its own', () => {
  it('a Scope with Implicit consent needs a policy, or whoever writes it and a Client skips the consent page', () => {
    expect(plan({ spec: implicit })).toMatchObject({
      action: 'withdraw',
      accepted: {
        status: 'False',
        reason: 'PolicyViolation',
        message:
          'spec.consent: "Implicit" is refused by policy "built-in" of auth/main, which allows Required. Change it or ask the owner of that server',
      },
    });
  });

  it.each<readonly [string, Case]>([
    ['Required needs none', { spec: { name: 'shop:read', consent: 'Required' } }],
    ['a policy grants it', { spec: implicit, servers: [withModes(['Always', 'Implicit'])] }],
    [
      "the server's own namespace decides for itself",
      { spec: { name: 'auth:read', consent: 'Implicit' }, namespace: 'auth' },
    ],
  ])('%s', (_, given) => {
    expect(plan(given)).toMatchObject({ action: 'put', accepted: { status: 'True' } });
  });

  it('a policy that leaves it out grants it to nobody', () => {
    for (const servers of [[withModes(['Always'])], [withModes(undefined)]])
      expect(plan({ spec: implicit, servers }).accepted).toMatchObject({ reason: 'PolicyViolation' });
  });
});
