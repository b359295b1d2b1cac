/**
 * The plans of a set of resources with nothing but the resources themselves, pure. What is outside the set (Secrets,
 * replicas, rows of others) is taken to be in order.
 */
import type { Kind } from '@nauthera/crds';
import type { StoredRegistration } from '@nauthera/server/registry';
import { attach, type ServerResource, type WithSpec } from './controllers/attachment.ts';
import { adoptedNameOf } from './controllers/client/adopted-secret.ts';
import type { ClientInputs } from './controllers/client/client-inputs.ts';
import { planClient } from './controllers/client/plan.ts';
import { secretKeyOf } from './controllers/client/secret-values.ts';
import { isChosen, type NamespaceFacts } from './controllers/invitation.ts';
import { planLdapBinding } from './controllers/ldap-binding/plan.ts';
import { planScope } from './controllers/scope/plan.ts';
import { clientIdOf } from './registrations/client.ts';
import { scopeNameOf } from './registrations/scope.ts';
import type { ConditionDraft } from './runtime/conditions.ts';
import type { ConfigMap, Observed, Secret } from './sources/source.ts';

export interface OfflineWorld {
  readonly resources: readonly Observed[];
  readonly secrets: readonly Secret[];
  readonly configMaps: readonly ConfigMap[];
  /** Labels by namespace. */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface OfflineFinding {
  /** Uid of the resource. */
  readonly resource: string;
  readonly field: string;
  readonly message: string;
}

const source = 'check';
const issuer = 'https://issuer.invalid';

export function offlineFindings(world: OfflineWorld): readonly OfflineFinding[] {
  const servers = ofKind(world, 'AuthorizationServer');
  const scopes = new Scopes(world, servers);
  return [...scopes.findings, ...bindingFindings(world, servers, scopes), ...clientFindings(world, servers, scopes)];
}

function ofKind<K extends Kind>({ resources }: OfflineWorld, kind: K): readonly WithSpec<K>[] {
  return resources.filter((one): one is WithSpec<K> => one.kind === kind && one.spec !== undefined);
}

function factsOf({ namespaces }: OfflineWorld, name: string): NamespaceFacts {
  return { name, labels: { ...namespaces.get(name), 'kubernetes.io/metadata.name': name } };
}

/** Scopes that would be registered, by server. */
class Scopes {
  readonly findings: OfflineFinding[] = [];
  readonly #world: OfflineWorld;
  readonly #accepted: { readonly server: string; readonly scope: WithSpec<'Scope'> }[] = [];

  constructor(world: OfflineWorld, servers: readonly ServerResource[]) {
    this.#world = world;
    const claimed = new Claims('scope');
    for (const scope of ofKind(world, 'Scope')) {
      const namespace = factsOf(world, scope.namespace);
      const attachment = attach(scope, servers, namespace);
      const name = scopeNameOf(scope);
      const server = attachment.outcome === 'attached' ? attachment.server.uid : '';
      const plan = planScope({
        source,
        scope,
        namespace,
        attachment,
        serverHolds: 'yes',
        stored: claimed.of(server, name),
      });
      this.findings.push(...findingsOf(scope, [plan.accepted], 'spec.name'));
      if (plan.action !== 'put') continue;
      claimed.claim(server, name, scope);
      this.#accepted.push({ server, scope });
    }
  }

  on(server: string, namespace: NamespaceFacts): Map<string, 'open' | 'closed'> {
    const here = this.#accepted.filter((one) => one.server === server);
    return new Map(
      here.map(({ scope }) => {
        const open = isChosen(scope.spec.allowedClients.namespaces, scope.namespace, namespace);
        return [scopeNameOf(scope), open ? 'open' : 'closed'] as const;
      }),
    );
  }
}

function bindingFindings(world: OfflineWorld, servers: readonly ServerResource[], scopes: Scopes): OfflineFinding[] {
  const bindings = ofKind(world, 'LdapBinding');
  return bindings.flatMap((binding) => {
    const namespace = factsOf(world, binding.namespace);
    const attachment = attach(binding, servers, namespace);
    const { passwordSecretRef } = binding.spec.bind;
    const bundle = binding.spec.tls?.caBundleRef;
    const inNamespace = <T extends { readonly namespace: string; readonly name: string }>(
      list: readonly T[],
      name: string,
    ) => list.find((one) => one.namespace === binding.namespace && one.name === name);
    const plan = planLdapBinding({
      source,
      binding,
      namespace,
      attachment,
      serverHolds: 'yes',
      passwordSecret: inNamespace(world.secrets, passwordSecretRef.name) ?? somePassword(binding, passwordSecretRef),
      caBundle:
        bundle === undefined ? undefined : (inNamespace(world.configMaps, bundle.name) ?? someBundle(binding, bundle)),
      scopes: attachment.outcome === 'attached' ? scopes.on(attachment.server.uid, namespace) : new Map(),
      siblings: bindings.filter((one) => one.namespace === binding.namespace && one.uid !== binding.uid),
      stored: null,
    });
    return findingsOf(binding, [plan.resolvedRefs, plan.accepted], `spec.subjectNamespace`);
  });
}

/** One that is not in the set is taken to be in order. */
function adoptedSecret({ secrets }: OfflineWorld, { namespace, spec }: WithSpec<'Client'>): Secret | undefined {
  const name = adoptedNameOf(spec);
  if (name === undefined) return undefined;
  const found = secrets.find((one) => one.namespace === namespace && one.name === name);
  const data = { [secretKeyOf(spec)]: '-'.repeat(32) };
  return found ?? { namespace, name, type: 'Opaque', labels: {}, annotations: {}, owner: undefined, data, version: '' };
}

/** A whole PNG file of one pixel. */
const somePicture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** One that is not in the set is taken to be in order. */
function logoOf({ configMaps }: OfflineWorld, { namespace, spec }: WithSpec<'Client'>): ConfigMap | undefined {
  const wanted = spec.logo?.configMapRef;
  if (wanted === undefined) return undefined;
  const { name, key } = wanted;
  const found = configMaps.find((one) => one.namespace === namespace && one.name === name);
  return found ?? { namespace, name, data: {}, binaryData: { [key]: somePicture } };
}

function clientFindings(world: OfflineWorld, servers: readonly ServerResource[], scopes: Scopes): OfflineFinding[] {
  const claimed = new Claims('client');
  const hasDirectory = ofKind(world, 'LdapBinding').length > 0;
  return ofKind(world, 'Client').flatMap((client) => {
    const namespace = factsOf(world, client.namespace);
    const attachment = attach(client, servers, namespace);
    const server = attachment.outcome === 'attached' ? attachment.server.uid : '';
    const clientId = clientIdOf(client);
    const inputs: ClientInputs = {
      source,
      client,
      namespace,
      attachment,
      serverHolds: 'yes',
      issuer,
      scopes: scopes.on(server, namespace),
      secret: adoptedSecret(world, client),
      otherSecrets: [],
      logo: logoOf(world, client),
      stored: claimed.of(server, clientId),
      hasDirectory,
      fresh: '',
      now: 0,
    };
    const plan = planClient(inputs);
    if (plan.action === 'put') claimed.claim(server, clientId, client);
    return findingsOf(client, plan.conditions, 'spec.clientId');
  });
}

/** Who comes first in the files has the name. */
class Claims {
  readonly #kind: 'client' | 'scope';
  readonly #stored = new Map<string, StoredRegistration>();

  constructor(kind: 'client' | 'scope') {
    this.#kind = kind;
  }

  of(server: string, id: string): StoredRegistration | null {
    return this.#stored.get(`${server} ${id}`) ?? null;
  }

  claim(server: string, id: string, { namespace, name, uid }: Observed): void {
    this.#stored.set(`${server} ${id}`, {
      kind: this.#kind,
      id,
      owner: { source, namespace, name, uid },
      withdrawn: false,
      revision: { epoch: '', n: 0 },
      fingerprint: '',
      secretDigests: [],
    });
  }
}

const fields: Readonly<Record<string, string>> = {
  ServerNotFound: 'spec.authorizationServerRef',
  DefaultServerAmbiguous: 'spec.authorizationServerRef',
  NotAllowedByServer: 'spec.authorizationServerRef',
  SecretKeyNotFound: 'spec.bind.passwordSecretRef',
  SecretInvalid: 'spec.bind.passwordSecretRef',
  CaNotFound: 'spec.tls.caBundleRef',
  LogoNotFound: 'spec.logo.configMapRef',
  LogoInvalid: 'spec.logo.configMapRef',
};

/** A message that begins with a field names it itself. */
function findingsOf(
  resource: Observed,
  conditions: readonly ConditionDraft[],
  conflictField: string,
): OfflineFinding[] {
  return conditions
    .filter(({ status }) => status === 'False')
    .map(({ reason, message }) => {
      const [, field, rest] = /^((?:spec|metadata)[\w.[\]]*): (.*)$/.exec(message) ?? [];
      if (field !== undefined && rest !== undefined) return { resource: resource.uid, field, message: rest };
      return { resource: resource.uid, field: fields[reason] ?? (reason === 'Conflict' ? conflictField : ''), message };
    });
}

function somePassword({ namespace }: Observed, { name, key }: { readonly name: string; readonly key: string }): Secret {
  return {
    namespace,
    name,
    type: 'Opaque',
    labels: {},
    annotations: {},
    owner: undefined,
    data: { [key]: 'x' },
    version: '',
  };
}

function someBundle(
  { namespace }: Observed,
  { name, key }: { readonly name: string; readonly key: string },
): ConfigMap {
  return { namespace, name, data: { [key]: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----' } };
}
