/** Annotations that ask for something once, pure: each new value counts, and is echoed in `status.lastHandled`. */

const prefix = 'auth.nauthera.io/';

/** Look again now: acted upon by every pass. */
export const reconcileAnnotation = `${prefix}reconcile`;
/** Allow the retirement that was held back because it is large. */
export const confirmRetirementAnnotation = `${prefix}confirm-retirement`;
/** The source (`kube-system`'s uid, or `--source-name`) of a cluster that is gone, whose registrations are taken over. */
export const adoptFromAnnotation = `${prefix}adopt-from`;
/** Let an AuthorizationServer go although Clients are served by it. */
export const confirmDeletionAnnotation = `${prefix}confirm-deletion`;

/** Let the sweep for leavers end as many as it was stopped at, once. */
export const confirmLeaversAnnotation = `${prefix}confirm-leavers`;

/** Replace the pods, one after the other. */
export const restartAnnotation = `${prefix}restart`;
/** Leave what was made in the cluster alone, while it is `true`. */
export const pausedAnnotation = `${prefix}paused`;

/** The next signing key of each algorithm now. */
export const rotateKeysAnnotation = `${prefix}rotate-keys`;
/** The signing key with this kid is refused everywhere. */
export const revokeKeyAnnotation = `${prefix}revoke-key`;

/** A new secret; the old one is accepted for a while. */
export const rotateSecretAnnotation = `${prefix}rotate-secret`;
/** Accept the old secret no longer, used or not. */
export const revokeOldSecretAnnotation = `${prefix}revoke-old-secret`;
/** Accept no secret of before, and nothing that was obtained with one. */
export const revokeAllSecretsAnnotation = `${prefix}revoke-all-secrets`;

/** Longest value that a status echoes; of a longer one its beginning counts. */
const longest = 256;

export interface Asked {
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: { readonly lastHandled?: Readonly<Record<string, string>> };
}

/** As it counts; `undefined`: it does not stand there. */
export function valueOf({ annotations }: Pick<Asked, 'annotations'>, annotation: string): string | undefined {
  return annotations[annotation]?.slice(0, longest);
}

/** Whether the annotation stands there with a value that was not acted upon yet. */
export function asks(resource: Asked, annotation: string): boolean {
  const value = valueOf(resource, annotation);
  return value !== undefined && value !== resource.status.lastHandled?.[annotation];
}

/**
 * `status.lastHandled` after a pass; `undefined`: nothing was ever asked for.
 *
 * @param acted annotations that this pass acted upon, beside {@link reconcileAnnotation}. What is no longer annotated stays,
 *   so that the same value put back asks for nothing again.
 */
export function handled(
  { annotations, status }: Asked,
  acted: readonly string[] = [],
): Readonly<Record<string, string>> | undefined {
  const echoed: Record<string, string> = { ...status.lastHandled };
  for (const name of [reconcileAnnotation, ...acted]) {
    const value = annotations[name];
    if (value !== undefined) echoed[name] = value.slice(0, longest);
  }
  return Object.keys(echoed).length === 0 ? undefined : echoed;
}
