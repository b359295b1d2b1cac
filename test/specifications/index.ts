import { rfc7517, rfc7518, rfc7519, rfc7523 } from './jose.ts';
import { rfc8705, rfc9440 } from './mutual-tls.ts';
import { rfc7009, rfc7636, rfc7662, rfc8252, rfc8628, rfc8707, rfc9068, rfc9207 } from './oauth-extensions.ts';
import { formPost, multipleResponseTypes, rfc6749, rfc6750 } from './oauth-framework.ts';
import { rfc7591, rfc8414, rfc9700 } from './oauth-practice.ts';
import { core } from './openid-core.ts';
import {
  backChannelLogout,
  discovery,
  frontChannelLogout,
  notSupported,
  rpInitiatedLogout,
  unmetRequirements,
} from './openid-more.ts';
import type { Specification } from './specification.ts';

export { plans } from './certification.ts';

export interface Chapter {
  readonly title: string;
  readonly specifications: readonly Specification[];
}

/** The page of specifications, in its order. */
export const chapters: readonly Chapter[] = [
  {
    title: 'OAuth 2.0',
    specifications: [
      rfc6749,
      rfc6750,
      rfc7009,
      rfc7517,
      rfc7518,
      rfc7519,
      rfc7523,
      rfc7591,
      rfc7636,
      rfc7662,
      rfc8252,
      rfc8414,
      rfc8628,
      rfc8705,
      rfc8707,
      rfc9068,
      rfc9207,
      rfc9440,
      rfc9700,
      multipleResponseTypes,
      formPost,
    ],
  },
  {
    title: 'OpenID Connect',
    specifications: [core, discovery, rpInitiatedLogout, backChannelLogout, frontChannelLogout, unmetRequirements],
  },
  { title: 'Not supported', specifications: [notSupported] },
];
