/** Secrets and ConfigMaps as the operator sees them, wherever they are kept. Their content is read by name only. */

export interface SecretOwner {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** The resource that Secrets were made for. */
export interface SecretOf {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Where the store may not look for them: the Secret that the resource itself remembers. */
  readonly status?: { readonly binding?: { readonly name: string }; readonly retained?: RetainedSecret };
}

/** A Secret that its resource does not take with it: it names no owner, so this is how it is known again. */
export interface RetainedSecret {
  readonly name: string;
  readonly uid: string;
}

export interface Secret {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The resource that it goes with; `undefined`: it stays whatever goes, or was not written by the operator. */
  readonly owner: SecretOwner | undefined;
  /** Values as text. */
  readonly data: Readonly<Record<string, string>>;
  /** Moves with every change. */
  readonly version: string;
  /** Can be deleted and not changed. */
  readonly immutable?: boolean;
  /** Never that of another one; left out: nobody collects what goes with its owner, so none is retained. */
  readonly uid?: string;
  /** Somebody else's resource controls it. */
  readonly controlled?: true;
}

export type NewSecret = Omit<Secret, 'version' | 'immutable' | 'uid' | 'controlled'>;

/** Uid of the resource that a Secret without an owner was made for. */
export const madeForAnnotation = 'auth.nauthera.io/made-for';

/**
 * Whether a Secret was made for a resource. Without an owner it takes both: its own word, which whoever writes Secrets can
 * forge and a copy repeats, and its uid in the status, which nobody but the operator has to write.
 */
export function isMadeFor(
  { namespace, uid, status }: SecretOf,
  secret: Pick<Secret, 'namespace' | 'name' | 'owner' | 'annotations' | 'uid' | 'controlled'>,
): boolean {
  if (secret.namespace !== namespace) return false;
  if (secret.owner !== undefined) return secret.owner.uid === uid;
  const noted = status?.retained;
  return (
    secret.controlled !== true &&
    noted !== undefined &&
    noted.name === secret.name &&
    noted.uid === secret.uid &&
    secret.annotations[madeForAnnotation] === uid
  );
}

export interface SecretStore {
  read(namespace: string, name: string): Promise<Secret | undefined>;
  /** Durable when it resolves. `exists`: there is one of that name, nothing was written. */
  create(secret: NewSecret): Promise<'created' | 'exists'>;
  /** Replaces the Secret read as `before`. `changed`: it is no longer that, nothing was written. */
  update(before: Secret, next: NewSecret): Promise<'updated' | 'changed'>;
  /** Removes the Secret read as `before`, unless it changed. Absent is fine. */
  delete(before: Secret): Promise<void>;
  /** Secrets {@link isMadeFor made for} a resource, in its namespace. `except`: a name that is not read. */
  ownedBy(owner: SecretOf, except?: string): Promise<readonly Secret[]>;
  /** Whether a change of it is told. Otherwise, and while there is no such Secret, whoever needs it looks again. */
  watched(namespace: string, name: string): boolean;
  /** {@link Secret.version} as it was told last; `undefined`: there is none, or nobody tells. */
  toldVersion?(namespace: string, name: string): string | undefined;
  /** {@link Secret.version} of what was written by {@link create} or {@link update}. */
  writtenVersion?(secret: NewSecret): string | undefined;
  /** Names of what {@link ownedBy} would read; `undefined`: they are not known without reading. */
  ownedNames?(owner: SecretOf): readonly string[] | undefined;
}

export interface ConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  /** Values that are no text, in base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface ConfigMapReader {
  read(namespace: string, name: string): Promise<ConfigMap | undefined>;
  /** As for Secrets. */
  watched(namespace: string, name: string): boolean;
}
