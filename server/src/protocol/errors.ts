/**
 * Errors of the protocol. An error knows its audience: `code` and `description` are for strangers and constant text,
 * `detail` and `cause` are for the log. `http/error-reply.ts` alone turns them into replies.
 */
import type { ResponseMode } from './terms.ts';

/**
 * Registered error codes (RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1; RFC 8707 §2; OpenID Connect Core §3.1.2.6; OpenID Connect
 * Core Error Code unmet_authentication_requirements 1.0) with their HTTP status.
 */
export const errorStatus = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  unsupported_response_type: 400,
  access_denied: 403,
  authorization_pending: 400,
  slow_down: 400,
  expired_token: 400,
  login_required: 400,
  consent_required: 400,
  interaction_required: 400,
  account_selection_required: 400,
  request_not_supported: 400,
  request_uri_not_supported: 400,
  registration_not_supported: 400,
  unmet_authentication_requirements: 400,
  invalid_target: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  server_error: 500,
  temporarily_unavailable: 503,
} as const;
export type ErrorCode = keyof typeof errorStatus;

/** Problems that only a page of ours shows; never sent to a client. */
export const pageErrors = [
  'request_expired',
  'cookie_missing',
  'already_answered',
  'logout_failed',
  'not_found',
] as const;
export type PageError = (typeof pageErrors)[number];

const statusByCode: Readonly<Record<ErrorCode | PageError, number>> = {
  ...errorStatus,
  request_expired: 400,
  cookie_missing: 400,
  already_answered: 400,
  logout_failed: 400,
  not_found: 404,
};

/** HTTP status, on a page of ours or beside JSON. */
export function statusOf(code: ErrorCode | PageError): number {
  return statusByCode[code];
}

/** What every response to one authorization request has in common. */
export interface ResponseFacts {
  readonly state: string | undefined;
  readonly issuer: string;
  readonly mode: ResponseMode;
}

/**
 * A redirect target that was compared, byte for byte, with a registered one. Only `protocol/redirect-uri.ts` makes it,
 * so an error that redirects cannot be built before the URI was matched.
 */
export class VerifiedRedirect {
  readonly #brand = true;
  readonly uri: string;
  /** Returned unmodified, `undefined` when the request had none. */
  readonly state: string | undefined;
  readonly issuer: string;
  /** How the response travels, an error as well as an answer. */
  readonly mode: ResponseMode;
  private constructor(uri: string, { state, issuer, mode }: ResponseFacts) {
    this.uri = uri;
    this.state = state;
    this.issuer = issuer;
    this.mode = mode;
  }
  /** For `protocol/redirect-uri.ts` alone. */
  static of(uri: string, facts: ResponseFacts): VerifiedRedirect {
    return new VerifiedRedirect(uri, facts);
  }
  static is(value: unknown): value is VerifiedRedirect {
    return typeof value === 'object' && value !== null && #brand in value;
  }
}

export type Delivery =
  | { readonly by: 'json' }
  | { readonly by: 'page' }
  | { readonly by: 'redirect'; readonly to: VerifiedRedirect };

export interface ErrorFields {
  /** For the client; constant text without any input in it. */
  readonly description: string;
  /** For the log; may name what was found, never a secret. */
  readonly detail?: string;
  readonly cause?: unknown;
}

export class ProtocolError extends Error {
  readonly code: ErrorCode | PageError;
  readonly delivery: Delivery;
  readonly description: string;
  readonly detail: string | undefined;
  constructor(code: ErrorCode | PageError, delivery: Delivery, fields: ErrorFields) {
    super(
      `${code}: ${fields.detail ?? fields.description}`,
      fields.cause === undefined ? undefined : { cause: fields.cause },
    );
    this.name = 'ProtocolError';
    this.code = code;
    this.delivery = delivery;
    this.description = fields.description;
    this.detail = fields.detail;
  }
}

/** An error that the token endpoint and its kin answer as JSON (RFC 6749 §5.2). */
export function jsonError(
  code: ErrorCode,
  description: string,
  more: Omit<ErrorFields, 'description'> = {},
): ProtocolError {
  return new ProtocolError(code, { by: 'json' }, { description, ...more });
}

/** An error shown on a page of ours; nothing is redirected. */
export function pageError(
  code: ErrorCode | PageError,
  description: string,
  more: Omit<ErrorFields, 'description'> = {},
): ProtocolError {
  return new ProtocolError(code, { by: 'page' }, { description, ...more });
}

/** An error sent to the client by redirect, with `state` and `iss` (RFC 6749 §4.1.2.1, RFC 9207). */
export function redirectError(
  to: VerifiedRedirect,
  code: ErrorCode,
  description: string,
  more: Omit<ErrorFields, 'description'> = {},
): ProtocolError {
  return new ProtocolError(code, { by: 'redirect', to }, { description, ...more });
}
