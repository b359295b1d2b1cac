/** Somebody else wrote a Secret meanwhile: decide anew. */
export class SecretMoved extends Error {
  readonly code = 'secret_moved';
  constructor(name: string) {
    super(`Secret ${name} changed while it was written`);
  }
}
