/**
 * Calls that the server makes on a client's word (`jwks_uri`, `backchannel_logout_uri`). All of them go through one gate:
 * https, the resolved addresses checked and the checked one connected to, no redirects, bounds on time and size.
 */

export interface OutboundCall {
  /** Absolute `https` URL, as registered. */
  readonly url: string;
  /** Namespace of the client's owner: service names of that namespace alone may have private addresses. */
  readonly namespace: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds in all: the wait for another call to the same URL, the name and the answer included; default 5,000. */
  readonly timeout?: number;
  /** Bytes of the answer's body; default 65,536. */
  readonly maxBytes?: number;
  /** PEM certificates that are trusted for this call alone, in place of all others. */
  readonly ca?: string;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Why there is no answer. `refused`: the gate does not allow that address or URL; the others are the peer's doing. The
 * message names no address.
 */
export class OutboundFailed extends Error {
  readonly reason: 'refused' | 'unresolved' | 'unreachable' | 'tls' | 'timeout' | 'too_large' | 'redirect';
  constructor(reason: OutboundFailed['reason'], options?: ErrorOptions) {
    super(`the outbound call failed: ${reason}`, options);
    this.name = 'OutboundFailed';
    this.reason = reason;
  }
}

export interface OutboundGate {
  /** @throws OutboundFailed */
  call(call: OutboundCall): Promise<OutboundAnswer>;
}
