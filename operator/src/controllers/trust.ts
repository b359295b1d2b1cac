/**
 * Which certificate authorities Clients are to trust, by AuthorizationServer: told by the pass of each server, asked by
 * those of its Clients, so that a Client's pass reads no Secret of somebody else's namespace.
 */

/** `pem` left out: the certificate of the issuer is of no authority that is known here. */
export type Trust = { readonly known: false } | { readonly known: true; readonly pem: string | undefined };

export class TrustBundles {
  readonly #bundles = new Map<string, string | undefined>();
  readonly #onMoved: (reference: string) => void;

  /** @param onMoved told the reference of what moved: see {@link reference} */
  constructor(onMoved: (reference: string) => void) {
    this.#onMoved = onMoved;
  }

  /** @param server `<namespace>/<name>` */
  of(server: string): Trust {
    return this.#bundles.has(server) ? { known: true, pem: this.#bundles.get(server) } : { known: false };
  }

  set(server: string, pem: string | undefined): void {
    if (this.#bundles.has(server) && this.#bundles.get(server) === pem) return;
    this.#bundles.set(server, pem);
    this.#onMoved(this.reference(server));
  }

  /** What was written for its Clients stays as it is until there is such a server again. */
  forget(server: string): void {
    this.#bundles.delete(server);
  }

  /** For the index of references. */
  reference(server: string): string {
    return `trust/${server}`;
  }
}
