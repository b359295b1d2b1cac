/** PURE. What a grant comes to when the directory is asked about it again: at a refresh, and by the sweep for leavers. */
import type { DirectoryUser } from '../directory/directory.ts';
import { knownClaims } from '../directory/directory.ts';
import type { ConsentQuestion, ConsentRules, VerifiedConsent } from '../directory/verify-consent.ts';
import { claimsByName, type Release, release } from '../protocol/claims.ts';
import { nothingAsked } from '../protocol/claims-request.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { Snapshot } from '../registry/snapshot.ts';
import type { Grant } from '../store/grants.ts';

export type Regranted = Pick<Grant, 'id' | 'scopes' | 'asked' | 'agreed'>;

/** @param scopes of the grant's, those that are still open to the client */
export function questionAbout(
  grant: Regranted,
  registration: ClientRegistration,
  current: Pick<Snapshot, 'scope'>,
  { scopes, askedAt }: { readonly scopes: readonly string[]; readonly askedAt: EpochSeconds },
): ConsentQuestion {
  return {
    grantId: grant.id,
    clientId: registration.client_id,
    accessGroups: registration.access_groups,
    onRefusedScope: registration.consent.on_refused_scope,
    scopes,
    claims: claimsByName(
      grant.asked ?? nothingAsked,
      registration.scopes,
      (scope) => current.scope(scope)?.value.claims,
    ),
    askedAt,
  };
}

/** Whether claims tell of a group. */
export function hasGroups(claims: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(claims.groups) && claims.groups.length > 0;
}

/** Whether it holds what a group may have given. */
export function mayLoseByGroups(
  { claims, idTokenClaims, scopes }: Pick<Grant, 'claims' | 'idTokenClaims' | 'scopes'>,
  { consent_rules }: ConsentRules,
  accessGroups: readonly string[],
): boolean {
  const isByRule = consent_rules.some(
    (rule) => rule.groups.length > 0 && rule.scopes.some((scope) => scopes.includes(scope)),
  );
  return isByRule || accessGroups.length > 0 || hasGroups({ ...idTokenClaims, ...claims });
}

/** What the confirmed scopes release, and no more than was agreed to. */
export function releasedAgain(
  grant: Regranted,
  registration: ClientRegistration,
  current: Pick<Snapshot, 'scope'>,
  consent: Pick<VerifiedConsent, 'scopes' | 'withheld' | 'claims'> & { readonly user: DirectoryUser },
): Release {
  return release(
    consent,
    grant.asked,
    (scope) => claimsAgreed(grant, registration, current, scope),
    knownClaims(consent.user),
  );
}

/** What a scope's owner wrote into it after the yes is not given before somebody is asked, unless nobody has to be. */
function claimsAgreed(
  { agreed }: Regranted,
  { consent }: ClientRegistration,
  current: Pick<Snapshot, 'scope'>,
  scope: string,
): readonly string[] | undefined {
  const registered = current.scope(scope)?.value;
  const isImplicit = consent.mode === 'implicit' || registered?.consent === 'implicit';
  return isImplicit ? registered?.claims : registered?.claims.filter((claim) => agreed.includes(claim));
}
