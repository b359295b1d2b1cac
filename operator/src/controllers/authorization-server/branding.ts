/** What of an AuthorizationServer's branding is shown, and what is not shown as it was asked for, pure. */
import type { AuthorizationServerSpec } from '@nauthera/crds';
import { leastContrast, readable } from '../../registrations/contrast.ts';
import type { PageColors } from '../../registrations/server.ts';
import type { ConditionDraft } from '../../runtime/conditions.ts';
import type { ConfigMap } from '../../sources/source.ts';
import { readLogo } from '../logo.ts';

export interface ShownBranding {
  readonly colors: PageColors;
  /** A PNG file in base64. */
  readonly logo: string | undefined;
  /** In which way it differs from what was asked for, the gravest first. */
  readonly adjusted: readonly { readonly reason: string; readonly message: string }[];
}

export function showBranding(
  spec: Pick<AuthorizationServerSpec, 'branding'>,
  given: { readonly namespace: string; readonly logo: ConfigMap | undefined },
): ShownBranding {
  const { branding } = spec;
  const colors: PageColors = {};
  const adjusted: { reason: string; message: string }[] = [];
  for (const scheme of ['light', 'dark'] as const) {
    const wanted = branding?.colors?.[scheme];
    if (wanted === undefined) continue;
    const { color, was } = readable(wanted, scheme);
    colors[scheme] = color;
    if (was !== undefined) adjusted.push({ reason: 'ContrastTooLow', message: tooPale(scheme, wanted, color, was) });
  }
  const logo = readLogo('spec.branding.logo', branding?.logo, {
    namespace: given.namespace,
    configMap: given.logo,
  });
  if (logo?.outcome === 'unusable') adjusted.push({ reason: logo.reason, message: logo.message });
  return { colors, logo: logo?.outcome === 'found' ? logo.picture : undefined, adjusted };
}

function tooPale(scheme: 'light' | 'dark', wanted: string, shown: string, was: number): string {
  // Rounded down: 4.49 must not read as enough.
  const ratio = (Math.floor(was * 10) / 10).toFixed(1);
  const better = scheme === 'light' ? 'darker' : 'lighter';
  return `spec.branding.colors.${scheme}: ${wanted} has a contrast of ${ratio}:1 on the pages, ${leastContrast}:1 is needed. ${shown} is shown; choose a ${better} colour`;
}

/** Exists only while something was adjusted. */
export function brandingConditions({ adjusted }: ShownBranding): ConditionDraft[] {
  const [first] = adjusted;
  if (first === undefined) return [];
  const message = adjusted.map((one) => one.message).join('; ');
  return [{ type: 'BrandingAdjusted', status: 'True', reason: first.reason, message }];
}
