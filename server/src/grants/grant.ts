/**
 * What a grant type fills in. The token endpoint owns what all share: it parses, authenticates the client, checks that the
 * client may use the grant type, asks the grant, signs and answers. A grant owns its difference alone.
 */
import type { AuthenticatedClient } from '../protocol/client.ts';
import type { TokenGrantType, TokenRequest } from '../protocol/token-request.ts';
import type { Issuance } from '../tokens/issue.ts';

/** Facts about the HTTP request that grants write into audit rows or pass on. */
export interface GrantContext {
  readonly requestId: string;
  readonly clientAddress: string;
  /** Aborted when the client goes away or the handler's time is over. */
  readonly signal: AbortSignal;
}

export type RequestOf<T extends TokenGrantType> = Extract<TokenRequest, { readonly grantType: T }>;

export interface Grant<T extends TokenGrantType> {
  readonly grantType: T;
  /**
   * Decides, and makes the decision durable where it must be, before anything is signed.
   *
   * @throws ProtocolError with an error code of RFC 6749 §5.2
   */
  redeem(request: RequestOf<T>, client: AuthenticatedClient, context: GrantContext): Issuance | Promise<Issuance>;
}
