/** Registrations for tests: valid ones, of which a case states the one line that matters. */
import { hash } from 'node:crypto';
import { responseTypes } from '../../server/src/protocol/terms.ts';
import type {
  ClientRegistration,
  Owner,
  PublicJwk,
  ScopeRegistration,
  ServerRegistration,
} from '../../server/src/registry/registration.ts';

export const digestOf = (secret: string): string => hash('sha256', secret, 'base64url');

export class ClientBuilder {
  readonly #fields: ClientRegistration;
  constructor(fields: ClientRegistration) {
    this.#fields = fields;
  }
  with(more: Partial<ClientRegistration>): ClientBuilder {
    return new ClientBuilder({ ...this.#fields, ...more });
  }
  /** A confidential client that acts for itself, with this secret. */
  machine(secret: string): ClientBuilder {
    return this.with({
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scopes: [],
      default_scopes: [],
      client_secret_digests: [digestOf(secret)],
    });
  }
  /** Also tokens through the browser, and refresh tokens where a code comes. */
  everyResponseType(): ClientBuilder {
    return this.with({
      grant_types: ['authorization_code', 'implicit', 'refresh_token'],
      response_types: [...responseTypes],
      scopes: ['openid', 'profile', 'email', 'offline_access'],
    });
  }
  public(): ClientBuilder {
    return this.with({ token_endpoint_auth_method: 'none', client_secret_digests: [] });
  }
  /** It signs assertions with the private parts of these. */
  withKeys(...keys: PublicJwk[]): ClientBuilder {
    return this.with({ token_endpoint_auth_method: 'private_key_jwt', client_secret_digests: [], jwks: { keys } });
  }
  /** It presents the tokens of these. */
  withServiceAccounts(...accounts: NonNullable<ClientRegistration['service_accounts']>): ClientBuilder {
    const method = 'kubernetes_service_account';
    return this.with({ token_endpoint_auth_method: method, client_secret_digests: [], service_accounts: accounts });
  }
  build(): ClientRegistration {
    return this.#fields;
  }
}

/** A confidential web application with the code flow; its secret is `secret-of-<id>`. */
export function aClient(clientId = 'shop.web'): ClientBuilder {
  return new ClientBuilder({
    client_id: clientId,
    client_name: 'The shop',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: ['https://shop.example.com/cb'],
    scopes: ['openid', 'profile'],
    default_scopes: ['openid'],
    token_endpoint_auth_method: 'client_secret_basic',
    client_secret_digests: [digestOf(`secret-of-${clientId}`)],
    require_pkce: true,
    id_token_signed_response_alg: 'RS256',
    id_token_claims: [],
    access_groups: [],
    consent: { mode: 'remember', remember_for: 7_776_000, on_refused_scope: 'drop' },
    access_token_audiences: [],
  });
}

export function aServer(more: Partial<ServerRegistration> = {}): ServerRegistration {
  return {
    issuer: 'https://id.example.com',
    lifetimes: {
      authorization_code: 60,
      access_token: 300,
      id_token: 300,
      refresh_token_idle: 1_209_600,
      refresh_token_absolute: 7_776_000,
      session_idle: 7200,
      session_absolute: 43_200,
    },
    signing: {
      algorithms: ['ES256', 'RS256'],
      rotate_every: 7_776_000,
      publish_before: 86_400,
      retire_after: 86_400,
    },
    ...more,
  };
}

export function aScope(scope: string, more: Partial<ScopeRegistration> = {}): ScopeRegistration {
  return { scope, display_name: scope, claims: [], audiences: [], consent: 'required', ...more };
}

export function anOwner(name: string, more: Partial<Owner> = {}): Owner {
  return { source: 'test', namespace: 'shop', name, uid: `uid-of-${name}`, ...more };
}
