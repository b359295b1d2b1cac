/** The picture of a ConfigMap that `logo` names, pure. */
import { pngProblem } from '../registrations/png.ts';
import type { ConfigMap } from '../sources/source.ts';

interface LogoField {
  readonly configMapRef?: { readonly name: string; readonly key: string };
}

export type Logo =
  /** `picture`: the PNG file in base64. */
  | { readonly outcome: 'found'; readonly picture: string }
  | { readonly outcome: 'unusable'; readonly reason: 'LogoNotFound' | 'LogoInvalid'; readonly message: string };

/**
 * @param field `spec.logo`, say
 * @returns `undefined`: none is wanted
 */
export function readLogo(
  field: string,
  logo: LogoField | undefined,
  { namespace, configMap }: { readonly namespace: string; readonly configMap: ConfigMap | undefined },
): Logo | undefined {
  const wanted = logo?.configMapRef;
  if (wanted === undefined) return undefined;
  const { name, key } = wanted;
  const missing = (message: string): Logo => ({ outcome: 'unusable', reason: 'LogoNotFound', message });
  if (configMap === undefined)
    return missing(
      `ConfigMap "${name}" named in ${field}.configMapRef does not exist in namespace ${namespace}. No logo is shown until it does`,
    );
  const { data, binaryData = {} } = configMap;
  if (!Object.hasOwn(binaryData, key)) {
    const keys = Object.keys({ ...data, ...binaryData }).sort();
    const plain = Object.hasOwn(data, key) ? ` as binaryData` : '';
    return missing(
      `ConfigMap "${name}" has no key "${key}"${plain} (keys: ${keys.length === 0 ? 'none' : keys.join(', ')}). Add the picture with: kubectl create configmap --from-file`,
    );
  }
  const bytes = Buffer.from(binaryData[key] ?? '', 'base64');
  const problem = pngProblem(bytes);
  if (problem === undefined) return { outcome: 'found', picture: bytes.toString('base64') };
  return {
    outcome: 'unusable',
    reason: 'LogoInvalid',
    message: `ConfigMap "${name}", key "${key}": ${problem}. Put a PNG file of at most 64 KiB and 512 pixels a side there`,
  };
}

/** The name to read, or nothing. */
export function logoName(logo: LogoField | undefined): string | undefined {
  return logo?.configMapRef?.name;
}
