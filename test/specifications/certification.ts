/** The plans by which the OpenID Foundation certifies providers: each of their modules, and the tests that hold what it looks at. */
import {
  basicChecks,
  type Check,
  check,
  discovery,
  formChecks,
  hybridChecks,
  implicitChecks,
  logoutChecks,
} from './certification-checks.ts';
import { type Line, no, type Specification, yes } from './specification.ts';

const url = 'https://openid.net/certification/';

/** The modules of a plan in its order; of two checks for one module the first counts. One without a check has no test. */
function linesOf(modules: readonly string[], checks: readonly Check[]): readonly Line[] {
  return modules.map((module) => {
    const found = checks.find((one) => one.modules.includes(module));
    const section = `\`${module}\``;
    if (found === undefined) return yes(section, '');
    if (found.skipped !== undefined) return no(section, found.skipped, found.says, ...found.proofs);
    return yes(section, found.says, ...found.proofs);
  });
}

/** Modules that every plan with a sign-in has. */
const everywhere = [
  'oidcc-server',
  'oidcc-response-type-missing',
  'oidcc-idtoken-signature',
  'oidcc-userinfo-get',
  'oidcc-userinfo-post-header',
  'oidcc-userinfo-post-body',
  'oidcc-scope-profile',
  'oidcc-scope-email',
  'oidcc-scope-address',
  'oidcc-scope-phone',
  'oidcc-scope-all',
  'oidcc-ensure-other-scope-order-succeeds',
  'oidcc-display-page',
  'oidcc-display-popup',
  'oidcc-prompt-login',
  'oidcc-prompt-none-not-logged-in',
  'oidcc-prompt-none-logged-in',
  'oidcc-max-age-1',
  'oidcc-max-age-10000',
  'oidcc-ensure-request-with-unknown-parameter-succeeds',
  'oidcc-id-token-hint',
  'oidcc-login-hint',
  'oidcc-ui-locales',
  'oidcc-claims-locales',
  'oidcc-ensure-request-with-acr-values-succeeds',
  'oidcc-ensure-registered-redirect-uri',
  'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported',
  'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported',
  'oidcc-claims-essential',
  'oidcc-ensure-request-object-with-redirect-uri',
];
const afterCode = [
  'oidcc-codereuse',
  'oidcc-codereuse-30seconds',
  'oidcc-server-client-secret-post',
  'oidcc-refresh-token',
  'oidcc-ensure-request-with-valid-pkce-succeeds',
];
const basic = [
  ...everywhere,
  'oidcc-idtoken-unsigned',
  'oidcc-ensure-request-without-nonce-succeeds-for-code-flow',
  'oidcc-ensure-post-request-succeeds',
  ...afterCode,
];
const implicit = [...everywhere, 'oidcc-ensure-request-without-nonce-fails'];
const hybrid = [
  ...everywhere,
  'oidcc-ensure-request-without-nonce-fails',
  'oidcc-ensure-request-without-nonce-succeeds-for-code-flow',
  ...afterCode,
];
const inForms = (modules: readonly string[]) => modules.filter((one) => one !== 'oidcc-idtoken-unsigned');

const plan = (name: string, id: string, modules: readonly string[], checks: readonly Check[], about?: string) => ({
  name,
  title: name,
  url,
  about: `Plan \`${id}\`.${about === undefined ? '' : ` ${about}`}`,
  lines: linesOf(modules, checks),
});
const inForm = 'The modules of the profile above once more, with `response_mode=form_post`.';

export const plans: readonly Specification[] = [
  plan(
    'Config OP',
    'oidcc-config-certification-test-plan',
    ['oidcc-discovery-endpoint-verification'],
    [
      check(
        'oidcc-discovery-endpoint-verification',
        'The document is whole and true, its issuer the same bytes, its keys public.',
        discovery,
        'flows/documents: %s is the document',
        'flows/documents: RFC 7517: keys have kid, alg and use, and no private member',
      ),
    ],
  ),
  plan('Basic OP', 'oidcc-basic-certification-test-plan', basic, basicChecks),
  plan('Implicit OP', 'oidcc-implicit-certification-test-plan', implicit, implicitChecks),
  plan('Hybrid OP', 'oidcc-hybrid-certification-test-plan', hybrid, hybridChecks),
  plan(
    'Form Post Basic OP',
    'oidcc-formpost-basic-certification-test-plan',
    inForms(basic),
    [...formChecks, ...basicChecks],
    inForm,
  ),
  plan(
    'Form Post Implicit OP',
    'oidcc-formpost-implicit-certification-test-plan',
    inForms(implicit),
    [...formChecks, ...implicitChecks],
    inForm,
  ),
  plan(
    'Form Post Hybrid OP',
    'oidcc-formpost-hybrid-certification-test-plan',
    inForms(hybrid),
    [...formChecks, ...hybridChecks],
    inForm,
  ),
  plan(
    'RP-Initiated Logout OP',
    'oidcc-rp-initiated-logout-certification-test-plan',
    [
      'oidcc-rp-initiated-logout-discovery-endpoint-verification',
      'oidcc-rp-initiated-logout',
      'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri',
      'oidcc-rp-initiated-logout-modified-id-token-hint',
      'oidcc-rp-initiated-logout-no-id-token-hint',
      'oidcc-rp-initiated-logout-no-params',
      'oidcc-rp-initiated-logout-no-post-logout-redirect-uri',
      'oidcc-rp-initiated-logout-no-state',
      'oidcc-rp-initiated-logout-only-state',
      'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri',
      'oidcc-rp-initiated-logout-bad-id-token-hint',
    ],
    logoutChecks,
  ),
  plan(
    'Back-Channel Logout OP',
    'oidcc-backchannel-rp-initiated-logout-certification-test-plan',
    ['oidcc-backchannel-logout-discovery-endpoint-verification', 'oidcc-backchannel-rp-initiated-logout'],
    logoutChecks,
  ),
  plan(
    'Front-Channel Logout OP',
    'oidcc-frontchannel-rp-initiated-logout-certification-test-plan',
    ['oidcc-frontchannel-logout-discovery-endpoint-verification', 'oidcc-frontchannel-rp-initiated-logout'],
    logoutChecks,
  ),
];
