/** How a walk grows: each request that is made and each answer that comes becomes a step with its messages. */
import * as client from 'openid-client';
import type { Part, Step, StepName, Walk } from '../walk.ts';

export interface NewStep {
  readonly name: StepName;
  readonly title: string;
  readonly text: string;
  /** Default `done`. */
  readonly outcome?: Step['outcome'];
  /** After the exchanges that were made since the last step. */
  readonly parts?: readonly Part[];
}

export function addStep(walk: Walk, step: NewStep): void {
  const exchanges: Part[] = walk.fresh.splice(0).map((exchange) => ({ type: 'exchange', exchange }));
  walk.steps.push({ ...step, outcome: step.outcome ?? 'done', parts: [...exchanges, ...(step.parts ?? [])] });
}

/** Runs a request; a refusal becomes a step of its own. */
export async function attempt<T>(
  walk: Walk,
  name: StepName,
  title: string,
  request: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    addStep(walk, { name, title, text: reasonOf(error), outcome: 'refused' });
    return undefined;
  }
}

/** `openid-client` reads the `error` of a 400, and hands over the response of a challenge (401). */
export function reasonOf(error: unknown): string {
  if (error instanceof client.ResponseBodyError || error instanceof client.AuthorizationResponseError) {
    return `Refused: ${error.error}${error.error_description === undefined ? '' : ` (${error.error_description})`}`;
  }
  if (error instanceof client.WWWAuthenticateChallengeError) {
    const named = error.cause.map(({ parameters }) => parameters.error).find((code) => code !== undefined);
    return `Refused: ${named ?? `status ${error.status}`}`;
  }
  return error instanceof Error ? error.message : 'It failed.';
}
