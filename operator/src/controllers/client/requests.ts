/** What the annotations of a Client ask for about its secret, pure. Each new value counts once, across crashes too. */
import { createHash } from 'node:crypto';
import type { SecretNotes } from '@nauthera/server/registry';
import {
  type Asked,
  asks,
  revokeAllSecretsAnnotation,
  revokeOldSecretAnnotation,
  rotateSecretAnnotation,
  valueOf,
} from '../annotations.ts';

/** What is asked for and not carried out to the end, by the SHA-256 of what was asked. */
export interface SecretRequests {
  readonly rotate?: string;
  readonly revokeOld?: string;
  readonly revokeAll?: string;
}

export function requestsOf(client: Asked, handled: SecretNotes['handled'] = {}): SecretRequests {
  const asked = (annotation: string, done?: string): string | undefined => {
    const mark = markOf(client, annotation);
    return mark === undefined || mark === done || !asks(client, annotation) ? undefined : mark;
  };
  const rotate = asked(rotateSecretAnnotation);
  const revokeOld = asked(revokeOldSecretAnnotation, handled.revoke_old);
  const revokeAll = asked(revokeAllSecretsAnnotation, handled.revoke_all);
  return {
    ...(rotate === undefined ? {} : { rotate }),
    ...(revokeOld === undefined ? {} : { revokeOld }),
    ...(revokeAll === undefined ? {} : { revokeAll }),
  };
}

/** Annotations that ask for nothing any more, as far as the plan can tell: to be echoed. */
export function actedUpon(client: Asked, open: SecretRequests): readonly string[] {
  const still = new Set<string>([
    ...(open.rotate === undefined ? [] : [rotateSecretAnnotation]),
    ...(open.revokeOld === undefined ? [] : [revokeOldSecretAnnotation]),
    ...(open.revokeAll === undefined ? [] : [revokeAllSecretsAnnotation]),
  ]);
  return [rotateSecretAnnotation, revokeOldSecretAnnotation, revokeAllSecretsAnnotation].filter(
    (annotation) => !still.has(annotation) && asks(client, annotation),
  );
}

function markOf(client: Asked, annotation: string): string | undefined {
  const value = valueOf(client, annotation);
  return value === undefined ? undefined : createHash('sha256').update(`${annotation}\0${value}`).digest('base64url');
}
