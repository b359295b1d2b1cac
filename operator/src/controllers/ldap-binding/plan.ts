/** What an LdapBinding comes to, pure: registration and conditions as far as no replica is needed. */
import type { LdapBindingStatus } from '@nauthera/crds';
import type { StoredRegistration } from '@nauthera/server/registry';
import { registerDirectory, subjectNamespaceOf } from '../../registrations/directory.ts';
import { blocked, type ConditionDraft } from '../../runtime/conditions.ts';
import type { ConfigMap, Observed, Secret } from '../../sources/source.ts';
import { confirmLeaversAnnotation, valueOf } from '../annotations.ts';
import {
  type Attachment,
  nameOf,
  type ServerResource,
  serverInStatus,
  unresolvedAction,
  type WithSpec,
} from '../attachment.ts';
import { isBuiltIn, scopeNotFound } from '../client/references.ts';
import type { NamespaceFacts } from '../invitation.ts';
import { builtInPolicy, refusalMessage } from '../policy.ts';
import type { Intent } from '../registering.ts';

export interface LdapBindingInputs {
  readonly source: string;
  readonly binding: WithSpec<'LdapBinding'>;
  readonly namespace: NamespaceFacts;
  readonly attachment: Attachment;
  readonly serverHolds: 'yes' | 'not yet' | 'other';
  readonly passwordSecret: Secret | undefined;
  readonly caBundle: ConfigMap | undefined;
  readonly scopes: ReadonlyMap<string, 'open' | 'closed'>;
  /** Other LdapBindings of the namespace. */
  readonly siblings: readonly Observed<'LdapBinding'>[];
  readonly stored: StoredRegistration | null;
}

export interface LdapBindingPlan extends Intent {
  readonly id: string;
  readonly resolvedRefs: ConditionDraft;
  readonly accepted: ConditionDraft;
  readonly status: Omit<
    LdapBindingStatus,
    'conditions' | 'observedGeneration' | 'lastHandled' | 'activeServer' | 'servers' | 'sampleUsers'
  >;
}

export function directoryIdOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

export function planLdapBinding(inputs: LdapBindingInputs): LdapBindingPlan {
  const { binding, attachment } = inputs;
  const credentials = readCredentials(inputs);
  const { resolvedRefs, accepted } = judge(inputs, credentials);
  const intent = intentOf(inputs, { resolvedRefs, accepted }, credentials);
  return {
    ...intent,
    registration: registrationOf(inputs, credentials, intent.action === 'withdraw'),
    id: directoryIdOf(binding),
    resolvedRefs,
    accepted,
    status: {
      ...serverInStatus(binding, attachment),
      subjectNamespace: subjectNamespaceOf(binding),
      unlistedScopes: binding.spec.unlistedScopes,
    },
  };
}

const no = (type: 'ResolvedRefs' | 'Accepted', reason: string, message: string): ConditionDraft => ({
  type,
  status: 'False',
  reason,
  message,
});
const yes = (type: 'ResolvedRefs' | 'Accepted', message: string): ConditionDraft => ({
  type,
  status: 'True',
  reason: type,
  message,
});

interface Judgement {
  readonly resolvedRefs: ConditionDraft;
  readonly accepted: ConditionDraft;
}

function judge(inputs: LdapBindingInputs, credentials: Credentials): Judgement {
  const { attachment } = inputs;
  if (attachment.outcome === 'unresolved')
    return {
      resolvedRefs: no('ResolvedRefs', attachment.reason, attachment.message),
      accepted: blocked('Accepted', 'ResolvedRefs'),
    };
  const { server } = attachment;
  const found = yes('ResolvedRefs', `AuthorizationServer ${nameOf(server)}`);
  if (attachment.outcome === 'uninvited')
    return { resolvedRefs: found, accepted: no('Accepted', 'NotAllowedByServer', attachment.message) };
  const missing =
    credentials.outcome === 'missing'
      ? no('ResolvedRefs', credentials.reason, credentials.message)
      : unknownScope(inputs, server);
  return { resolvedRefs: missing ?? found, accepted: accept(inputs, server) };
}

function intentOf(
  inputs: LdapBindingInputs,
  { accepted }: Judgement,
  credentials: Credentials,
): Pick<Intent, 'action' | 'blockedBy'> {
  const { attachment, serverHolds } = inputs;
  if (attachment.outcome === 'unresolved') return { action: unresolvedAction(attachment), blockedBy: 'ResolvedRefs' };
  if (accepted.status !== 'True') return { action: 'withdraw', blockedBy: 'Accepted' };
  // What was served with the last password goes on; nobody knows another one.
  if (credentials.outcome === 'missing') return { action: 'leave', blockedBy: 'ResolvedRefs' };
  if (serverHolds === 'yes') return { action: 'put', blockedBy: '' };
  return {
    action: serverHolds === 'other' ? 'withdraw' : 'leave',
    blockedBy: `AuthorizationServer ${nameOf(attachment.server)}`,
  };
}

function registrationOf(
  { source, binding }: LdapBindingInputs,
  credentials: Credentials,
  withdrawn: boolean,
): Intent['registration'] {
  const { namespace, name, uid } = binding;
  // A withdrawn row is served to nobody, but is checked like any other: it needs some password.
  const known = credentials.outcome === 'found' ? credentials : { password: '-', caBundle: undefined };
  return {
    kind: 'directory',
    id: directoryIdOf(binding),
    owner: { source, namespace, name, uid },
    value: registerDirectory({
      namespace,
      name,
      spec: binding.spec,
      bindPassword: known.password,
      caBundle: known.caBundle,
      confirmedLeavers: valueOf(binding, confirmLeaversAnnotation),
    }),
    withdrawn,
  };
}

type Credentials =
  | { readonly outcome: 'found'; readonly password: string; readonly caBundle: string | undefined }
  | {
      readonly outcome: 'missing';
      readonly reason: 'SecretNotFound' | 'SecretKeyNotFound' | 'SecretInvalid' | 'CaNotFound';
      readonly message: string;
    };

function readCredentials({ binding, passwordSecret, caBundle }: LdapBindingInputs): Credentials {
  const { namespace, spec } = binding;
  const missing = (reason: Extract<Credentials, { outcome: 'missing' }>['reason'], message: string): Credentials => ({
    outcome: 'missing',
    reason,
    message,
  });
  const { name, key } = spec.bind.passwordSecretRef;
  if (passwordSecret === undefined)
    return missing(
      'SecretNotFound',
      `Secret "${name}" named in spec.bind.passwordSecretRef does not exist in namespace ${namespace}. Waiting for it`,
    );
  const password = passwordSecret.data[key];
  if (password === undefined)
    return missing(
      'SecretKeyNotFound',
      `Secret "${name}" has no key "${key}" (keys: ${keysOf(passwordSecret.data)}). Add it, or name another key in spec.bind.passwordSecretRef`,
    );
  const problem = passwordProblem(password);
  if (problem !== undefined) return missing('SecretInvalid', `Secret "${name}", key "${key}": ${problem}`);
  const bundle = spec.tls?.caBundleRef;
  if (bundle === undefined) return { outcome: 'found', password, caBundle: undefined };
  if (caBundle === undefined)
    return missing(
      'CaNotFound',
      `ConfigMap "${bundle.name}" named in spec.tls.caBundleRef does not exist in namespace ${namespace}. Waiting for it`,
    );
  const pem = caBundle.data[bundle.key];
  if (pem === undefined)
    return missing(
      'CaNotFound',
      `ConfigMap "${bundle.name}" has no key "${bundle.key}" (keys: ${keysOf(caBundle.data)}). Add it, or name another key in spec.tls.caBundleRef`,
    );
  if (!/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(pem))
    return missing(
      'CaNotFound',
      `ConfigMap "${bundle.name}", key "${bundle.key}": holds no certificate in PEM. Put the CA's certificate there`,
    );
  return { outcome: 'found', password, caBundle: pem };
}

function passwordProblem(password: string): string | undefined {
  if (password === '') return 'is empty. Write a new one';
  if (/[\r\n]$/.test(password)) return 'ends in a newline. Write the password without it';
  if (/[\p{Cc}]/u.test(password)) return 'holds a control character. Write the password without it';
  return undefined;
}

function keysOf(data: Readonly<Record<string, string>>): string {
  const keys = Object.keys(data).sort();
  return keys.length === 0 ? 'none' : keys.join(', ');
}

/** A rule that names an unknown scope stays in force. */
function unknownScope(inputs: LdapBindingInputs, server: ServerResource): ConditionDraft | undefined {
  const { binding, scopes, serverHolds } = inputs;
  // Without its database nobody knows which scopes there are.
  if (serverHolds === 'not yet') return undefined;
  for (const [index, rule] of (binding.spec.consentRules ?? []).entries()) {
    const missing = rule.scopes.find((scope) => !isBuiltIn(scope) && !scopes.has(scope));
    if (missing !== undefined)
      return no(
        'ResolvedRefs',
        'ScopeNotFound',
        scopeNotFound(`spec.consentRules[${index}].scopes`, missing, server, scopes),
      );
  }
  return undefined;
}

function accept({ binding, namespace, siblings }: LdapBindingInputs, server: ServerResource): ConditionDraft {
  const value = subjectNamespaceOf(binding);
  if (!value.startsWith(`${namespace.name}/`)) {
    const refusal = { field: 'spec.subjectNamespace', value, policy: builtInPolicy, allowed: `${namespace.name}/*` };
    return no('Accepted', 'PolicyViolation', refusalMessage(refusal, nameOf(server)));
  }
  const older = siblings.find(
    (one) =>
      one.spec !== undefined && subjectNamespaceOf({ ...one, spec: one.spec }) === value && isOlder(one, binding),
  );
  if (older !== undefined)
    return no(
      'Accepted',
      'Conflict',
      `subject namespace "${value}" belongs to an older LdapBinding in this namespace: ${older.name}. Choose another spec.subjectNamespace`,
    );
  return yes('Accepted', `Accepted by AuthorizationServer ${nameOf(server)}`);
}

function isOlder(one: Observed, other: Observed): boolean {
  return one.createdAt === other.createdAt ? one.name < other.name : one.createdAt < other.createdAt;
}
