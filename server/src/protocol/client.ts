/** PURE. A client that has proved who it is. Only `http/client-authentication.ts` makes one. */
import type { ClientRegistration } from '../registry/registration.ts';
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
  private constructor(registration: ClientRegistration, uid: string, method: ClientAuthenticationMethod) {
    this.registration = registration;
    this.uid = uid;
    this.method = method;
  }
  /** For `http/client-authentication.ts` alone. */
  static of(registration: ClientRegistration, uid: string, method: ClientAuthenticationMethod): AuthenticatedClient {
    return new AuthenticatedClient(registration, uid, method);
  }
  static is(value: unknown): value is AuthenticatedClient {
    return typeof value === 'object' && value !== null && #brand in value;
  }
}
