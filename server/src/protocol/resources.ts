/** PURE. Resource indicators (RFC 8707): which of its audiences a token shall be for. */
import { type Parameters, valuesOf } from './parameters.ts';

/** So many resources may be named in one request. */
export const maxResources = 16;
/** As long as an audience may be. */
const maxResourceLength = 512;

/** An absolute URI without a fragment (RFC 8707 §2); compared as bytes, so nothing about it is normalised. */
const absoluteUri = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21\x22\x24-\x7e]+$/;

/**
 * What the `resource` parameters name, each once; none: every audience. `null`: `invalid_target`, one of them is no absolute
 * URI, or there are too many.
 */
export function readResources(parameters: Parameters): readonly string[] | undefined | null {
  const resources = [...new Set(valuesOf(parameters, 'resource'))];
  if (resources.length === 0) return undefined;
  const good = resources.every((one) => one.length <= maxResourceLength && absoluteUri.test(one));
  return good && resources.length <= maxResources ? resources : null;
}

/**
 * The audiences of a token for these resources, in their order.
 *
 * @param audiences what the token could be for: those of its scopes and of its client.
 * @param resources `undefined`: nothing was named, all of them.
 * @returns `null`: `invalid_target`, a resource is none of the audiences.
 */
export function targets(
  audiences: readonly string[],
  resources: readonly string[] | undefined,
): readonly string[] | null {
  if (resources === undefined) return audiences;
  return resources.every((one) => audiences.includes(one)) ? resources : null;
}

/** {@link targets} without those that are audiences no longer, because a scope has gone; `null`: none is left. */
export function remainingTargets(
  audiences: readonly string[],
  resources: readonly string[] | undefined,
): readonly string[] | null {
  if (resources === undefined) return audiences;
  const left = resources.filter((one) => audiences.includes(one));
  return left.length === 0 ? null : left;
}
