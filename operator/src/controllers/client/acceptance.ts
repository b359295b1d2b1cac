/** `Accepted` of a Client, pure: what its content demands of the policies of its server, and who has its id. */
import { type ClientSpec, durationSeconds, localCluster, type SigningAlgorithm } from '@nauthera/crds';
import { clientIdOf, responseTypesOf } from '../../registrations/client.ts';
import { isMutualTlsOn, needsCertificate } from '../../registrations/mutual-tls.ts';
import type { ConditionDraft } from '../../runtime/conditions.ts';
import { nameOf, type ServerResource, type WithSpec } from '../attachment.ts';
import { isOwner } from '../ownership.ts';
import { type Demand, type Judgement, judge, refusalMessage } from '../policy.ts';
import type { ClientInputs } from './client-inputs.ts';
import { isBuiltIn } from './references.ts';

const accepted: ConditionDraft = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Accepted' };
export const refused = (reason: string, message: string): ConditionDraft => ({
  type: 'Accepted',
  status: 'False',
  reason,
  message,
});

/** What the policies of the server say to all that it asks for. */
export function judgeClient(
  { client, namespace }: Pick<ClientInputs, 'client' | 'namespace'>,
  server: ServerResource,
): Judgement {
  const ground = {
    policies: server.spec.clientPolicies ?? [],
    owner: server.namespace,
    namespace,
    secondsOf: durationSeconds,
  };
  return judge(ground, demandsOf(client));
}

export function accept(inputs: ClientInputs, server: ServerResource): ConditionDraft {
  const { client, stored, source } = inputs;
  const { refusal } = judgeClient(inputs, server);
  if (refusal !== undefined) return refused('PolicyViolation', refusalMessage(refusal, nameOf(server)));
  const untrusted = untrustedCluster(inputs, server);
  if (untrusted !== undefined) return refused('PolicyViolation', untrusted);
  const uncertified = withoutCertificates(client.spec, server);
  if (uncertified !== undefined) return refused('PolicyViolation', uncertified);
  const unsigned = signers(client.spec).find(({ algorithm }) => !server.spec.signing.algorithms.includes(algorithm));
  if (unsigned !== undefined)
    return refused(
      'PolicyViolation',
      `${unsigned.field}: "${unsigned.algorithm}" is not among spec.signing.algorithms of ${nameOf(server)} (${server.spec.signing.algorithms.join(', ')}). Change it or ask the owner of that server`,
    );
  if (stored !== null && !isOwner(stored.owner, source, client))
    return refused('Conflict', conflictMessage(stored.owner, inputs));
  return accepted;
}

/** Why a ServiceAccount of it can speak for nobody. */
function untrustedCluster(
  { client: { spec }, withoutCluster }: ClientInputs,
  server: ServerResource,
): string | undefined {
  const trusted = server.spec.trustedClusters?.map(({ name }) => name) ?? [];
  for (const [index, { cluster }] of (spec.authentication.serviceAccounts ?? []).entries()) {
    if (cluster === localCluster && withoutCluster === true)
      return 'spec.authentication.method: kubernetes_service_account trusts the ServiceAccounts of a cluster, and these resources come from a folder. Use private_key_jwt or client_secret_basic';
    if (cluster !== localCluster && !trusted.includes(cluster))
      return `spec.authentication.serviceAccounts[${index}].cluster: "${cluster}" is not among spec.trustedClusters of ${nameOf(server)}. Change it or ask the owner of that server`;
  }
  return undefined;
}

/** Why no certificate of it would count. */
function withoutCertificates(spec: ClientSpec, { namespace, name, spec: server }: ServerResource): string | undefined {
  if (!needsCertificate(spec)) return undefined;
  const { method } = spec.authentication;
  const field = method.endsWith('tls_client_auth')
    ? `spec.authentication.method: "${method}"`
    : 'spec.senderConstraint: "MTLS"';
  const owner = 'Change it or ask the owner of that server';
  if (!isMutualTlsOn(server))
    return `${field} needs spec.mutualTls.mode Listener, which ${namespace}/${name} does not have. ${owner}`;
  if (method === 'tls_client_auth' && server.mutualTls?.caBundleRef === undefined)
    return `${field} needs spec.mutualTls.caBundleRef, which ${namespace}/${name} does not have. ${owner}`;
  return undefined;
}

/** Names an older owner only inside its own namespace. */
export function conflictMessage(
  owner: { readonly source: string; readonly namespace: string; readonly name: string },
  { client, source }: Pick<ClientInputs, 'client' | 'source'>,
): string {
  const where =
    owner.source === source && owner.namespace === client.namespace && owner.name !== client.name
      ? ` in this namespace: ${owner.name}`
      : '';
  return `client id "${clientIdOf(client)}" belongs to an older Client${where}. Choose another spec.clientId`;
}

interface Signer {
  readonly field: string;
  readonly algorithm: SigningAlgorithm;
}

function signers({ idToken, userinfo }: ClientSpec): Signer[] {
  const answers = userinfo?.signingAlgorithm;
  return [
    { field: 'spec.idToken.signingAlgorithm', algorithm: idToken.signingAlgorithm },
    ...(answers === undefined ? [] : [{ field: 'spec.userinfo.signingAlgorithm', algorithm: answers }]),
  ];
}

function demandsOf(client: WithSpec<'Client'>): Demand[] {
  const { spec } = client;
  const clientId = clientIdOf(client);
  // A token for the client itself needs nobody's leave.
  const audiences = (field: string, values: readonly string[] = []): Demand[] =>
    values.filter((value) => value !== clientId).map((value) => ({ field, member: 'audiences', value }));
  const lifetime = (
    field: string,
    name: 'accessToken' | 'refreshToken.idle' | 'refreshToken.absolute',
    value: string | undefined,
  ): Demand[] =>
    value === undefined
      ? []
      : [{ field, member: 'maxLifetimes', lifetime: name, value, seconds: durationSeconds(value) }];
  return [
    { field: 'spec.clientId', member: 'clientIds', value: clientId },
    ...spec.grantTypes.map((value): Demand => ({ field: 'spec.grantTypes', member: 'grantTypes', value })),
    ...responseTypesOf(spec).map((value): Demand => ({ field: 'spec.responseTypes', member: 'responseTypes', value })),
    { field: 'spec.authentication.method', member: 'authenticationMethods', value: spec.authentication.method },
    { field: 'spec.consent.mode', member: 'consentModes', value: spec.consent.mode },
    ...beyondOAuth21(spec),
    ...placesOf(spec),
    ...spec.scopes
      .filter((scope) => !isBuiltIn(scope))
      .map((value): Demand => ({ field: 'spec.scopes', member: 'scopes', value })),
    ...audiences('spec.accessToken.audiences', spec.accessToken?.audiences),
    ...audiences('spec.introspection.audiences', spec.introspection?.audiences),
    ...lifetime('spec.accessToken.lifetime', 'accessToken', spec.accessToken?.lifetime),
    ...lifetime('spec.refreshToken.idle', 'refreshToken.idle', spec.refreshToken?.idle),
    ...lifetime('spec.refreshToken.absolute', 'refreshToken.absolute', spec.refreshToken?.absolute),
  ];
}

/** What OAuth 2.1 leaves out. */
function beyondOAuth21(spec: ClientSpec): Demand[] {
  const tokens = responseTypesOf(spec).filter((type) => type.split(' ').includes('token'));
  return [
    ...(spec.pkce === 'Optional'
      ? [{ field: 'spec.pkce', member: 'profile', value: spec.pkce, instead: 'Required' } as const]
      : []),
    ...tokens.map(
      (value): Demand => ({
        field: 'spec.responseTypes',
        member: 'profile',
        value,
        instead: 'those without token',
      }),
    ),
  ];
}

/** Where browsers are sent to, or load something from, on the word of a Client. */
function placesOf({ redirectUris = [], postLogoutRedirectUris = [], logout }: ClientSpec): Demand[] {
  const place = (field: string, uri: string): Demand => ({ field, member: 'redirectHosts', value: hostOf(uri) });
  const frame = logout?.frontchannelUri;
  return [
    ...redirectUris.map((uri, index) => place(`spec.redirectUris[${index}]`, uri)),
    ...postLogoutRedirectUris.map((uri, index) => place(`spec.postLogoutRedirectUris[${index}]`, uri)),
    ...(frame === undefined ? [] : [place('spec.logout.frontchannelUri', frame)]),
  ];
}

/** Host of a web address; the scheme with its colon of any other; nothing where there is none: the server says so. */
function hostOf(uri: string): string {
  const url = URL.parse(uri);
  if (url === null) return '';
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.hostname : url.protocol;
}
