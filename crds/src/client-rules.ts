/** PURE. Rules between the fields of a Client; the API server holds them, so `kubectl apply --dry-run=server` finds them. */
import { senderConstraintRules } from './client-certificate.ts';
import { logoutRules } from './client-places.ts';
import { subjectRules } from './client-subject.ts';
import type { Rule } from './field.ts';
import { deviceCodeGrant } from './terms.ts';
import { privateUseScheme } from './uri-rules.ts';

export const clientRules: readonly Rule[] = [
  {
    rule: `!self.grantTypes.exists(g, g in ['authorization_code', 'implicit']) || (has(self.redirectUris) && self.redirectUris.size() > 0)`,
    message: 'authorization_code, implicit and hybrid send the user back to the app: add at least one redirect URI',
    fieldPath: '.redirectUris',
  },
  {
    rule: `self.authentication.method != 'none' || !('client_credentials' in self.grantTypes)`,
    message:
      'a public client cannot prove who it is: for client_credentials use client_secret_basic, private_key_jwt or kubernetes_service_account',
    fieldPath: '.grantTypes',
  },
  {
    rule: `self.authentication.method != 'none' || self.pkce == 'Required'`,
    message: 'public clients must use PKCE: leave pkce out or set Required',
    fieldPath: '.pkce',
  },
  {
    rule: `!('refresh_token' in self.grantTypes) || self.grantTypes.exists(g, g in ['authorization_code', '${deviceCodeGrant}'])`,
    message: `refresh_token needs authorization_code or ${deviceCodeGrant} beside it: no other grant yields a refresh token`,
    fieldPath: '.grantTypes',
  },
  {
    rule: `has(self.clientId) == has(oldSelf.clientId) && (!has(self.clientId) || self.clientId == oldSelf.clientId)`,
    message:
      'clientId cannot change, tokens and consents hang on it: create a second Client with the new id, move the app, then delete this one',
    fieldPath: '.clientId',
  },
  {
    rule: `!has(self.responseTypes) || self.responseTypes.exists(t, t.startsWith('code')) == ('authorization_code' in self.grantTypes)`,
    message:
      'response types with code go with the grant type authorization_code: list both or neither, or leave responseTypes out',
    fieldPath: '.responseTypes',
  },
  {
    rule: `!has(self.responseTypes) || self.responseTypes.exists(t, t != 'code') == ('implicit' in self.grantTypes)`,
    message: 'response types with token or id_token go with the grant type implicit: list both or neither',
    fieldPath: '.responseTypes',
  },
  {
    rule: `!('implicit' in self.grantTypes) || has(self.responseTypes)`,
    message:
      'implicit does not say what comes back: list the response types, for example [id_token], or [code id_token] with authorization_code beside implicit',
    fieldPath: '.responseTypes',
  },
  {
    rule: `self.authentication.method == 'none' || !has(self.redirectUris) || !self.redirectUris.exists(u, u.matches('${privateUseScheme}'))`,
    message:
      'only a public client may use a private scheme: use https, or set authentication.method to none if the app runs on a device',
    fieldPath: '.redirectUris',
  },
  {
    rule: `self.consent.mode != 'Implicit' || !has(self.redirectUris) || !self.redirectUris.exists(u, u.matches('${privateUseScheme}'))`,
    message:
      'any app on a device can claim a private scheme, so its users must be asked: use Always, or https redirect URIs',
    fieldPath: '.consent.mode',
  },
  {
    rule: '!has(self.defaultScopes) || self.defaultScopes.all(s, s in self.scopes)',
    message: 'each default scope must be among scopes: add it there or take it out here',
    fieldPath: '.defaultScopes',
  },
  {
    rule: `!has(self.secret) || !has(self.secret.adopt) || self.authentication.method in ['client_secret_basic', 'client_secret_post']`,
    message:
      'only client_secret_basic and client_secret_post have a secret to adopt: leave adopt out, or use one of them',
    fieldPath: '.secret.adopt',
  },
  {
    rule: `self.authentication.method != 'none' || !has(self.introspection)`,
    message:
      'a public client cannot prove who it is: for introspection use client_secret_basic, private_key_jwt or kubernetes_service_account',
    fieldPath: '.introspection',
  },
  {
    rule: `self.authentication.method == 'none' || !has(self.postLogoutRedirectUris) || !self.postLogoutRedirectUris.exists(u, u.matches('${privateUseScheme}'))`,
    message:
      'only a public client may use a private scheme: use https, or set authentication.method to none if the app runs on a device',
    fieldPath: '.postLogoutRedirectUris',
  },
  ...senderConstraintRules,
  ...subjectRules,
  ...logoutRules,
];
