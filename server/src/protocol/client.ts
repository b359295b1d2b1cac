/** PURE. A client that has proved who it is. Only `http/client-authentication.ts` makes one. */
import type { AllowedBy, ClientRegistration } from '../registry/registration.ts';
import type { ClientAuthenticationMethod } from './terms.ts';

/**
 * Progress by type: whatever looks up a code or a token takes this, so that nobody can probe with a client id alone. A
 * public client has proved nothing but is known (`method` is `none`).
 */
export class AuthenticatedClient {
  readonly #brand = true;
  readonly registration: ClientRegistration;
  /** Uid of the resource that registered it: a re-created client is another and inherits nothing. */
  readonly uid: string;
  readonly method: ClientAuthenticationMethod;
  /** Thumbprint of the certificate that it proved to hold; with which method it authenticated does not matter. */
  readonly certificate: string | undefined;
  /** For the audit. */
  readonly allowedBy: AllowedBy | undefined;
  private constructor(
    registration: ClientRegistration,
    uid: string,
    method: ClientAuthenticationMethod,
    certificate: string | undefined,
    allowedBy: AllowedBy | undefined,
  ) {
    this.registration = registration;
    this.uid = uid;
    this.method = method;
    this.certificate = certificate;
    this.allowedBy = allowedBy;
  }
  /** For `http/client-authentication.ts` alone. */
  static of(
    registration: ClientRegistration,
    uid: string,
    method: ClientAuthenticationMethod,
    certificate?: string,
    allowedBy?: AllowedBy,
  ): AuthenticatedClient {
    return new AuthenticatedClient(registration, uid, method, certificate, allowedBy);
  }
  /** What its access tokens are bound to (RFC 8705 §3); `undefined`: to nothing. */
  get boundTo(): string | undefined {
    return this.registration.tls_client_certificate_bound_access_tokens === true ? this.certificate : undefined;
  }
  static is(value: unknown): value is AuthenticatedClient {
    return typeof value === 'object' && value !== null && #brand in value;
  }
}
