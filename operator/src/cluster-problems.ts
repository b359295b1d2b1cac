/** What the log says of a Kubernetes API that refuses: what was found, what to do, and not every second. */
import { ApiError, ApiUnavailable } from './runtime/kubernetes-api.ts';

/** Milliseconds until the same words are said again. */
const again = 60_000;

/** Lets the same line pass once a minute. */
export class Rarely {
  readonly #said = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  isNews(line: string): boolean {
    const now = this.#now();
    for (const [one, at] of this.#said) if (now - at >= again) this.#said.delete(one);
    if (this.#said.has(line)) return false;
    this.#said.set(line, now);
    return true;
  }
}

/** One sentence on what to do; `undefined`: nothing but wait. */
export function adviceFor(error: unknown): string | undefined {
  if (error instanceof ApiUnavailable) return 'the API server does not answer. Waiting for it';
  if (!(error instanceof ApiError)) return undefined;
  if (error.status === 404 && error.message.includes('/apis/auth.nauthera.io/'))
    return 'the API server does not know the kinds of auth.nauthera.io/v1alpha1. Install them: with the chart (crds.enabled), or kubectl apply --server-side of the files in crds. Waiting';
  if (error.status === 403)
    return 'this user is not allowed to. Give it the rights that charts/nauthera renders (templates/rbac.yaml). Waiting';
  if (error.status === 401) return 'the API server does not accept the credentials. Check the kubeconfig. Waiting';
  return undefined;
}
