/** The settings of a Client in force, pure: its own, else its server's, as far as the policy that accepts it lets them. */
import { type ClientSpec, type ClientStatus, durationSeconds } from '@nauthera/crds';
import type { ServerResource } from '../attachment.ts';
import { type ClientPolicy, type LifetimeName, longestOf } from '../policy.ts';

type Effective = NonNullable<ClientStatus['effective']>;
type Setting = Effective['settings'][number];

export interface Lifetimes {
  /** As durations; `undefined`: the server's. */
  readonly accessToken: string | undefined;
  readonly refreshIdle: string | undefined;
  readonly refreshAbsolute: string | undefined;
}

/** Nothing of it moves by itself: equal inputs give equal words. */
export function effectiveOf(spec: ClientSpec, server: ServerResource, policy: ClientPolicy): Effective {
  const { accessToken, refreshToken } = server.spec.lifetimes;
  const refreshes = spec.grantTypes.includes('refresh_token');
  const absolute = lifetime('refreshToken.absolute', spec.refreshToken?.absolute, refreshToken.absolute, policy);
  const idle = lifetime('refreshToken.idle', spec.refreshToken?.idle, refreshToken.idle, policy);
  // A grant that ends sooner ends for whoever was idle too.
  const bounded =
    durationSeconds(idle.value) > durationSeconds(absolute.value) ? { ...absolute, name: idle.name } : idle;
  return {
    policy: policy.name,
    settings: [
      ...(policy.profile === undefined
        ? []
        : [{ name: 'profile', value: policy.profile, setBy: `policy ${policy.name}` } as const]),
      lifetime('accessToken.lifetime', spec.accessToken?.lifetime, accessToken, policy),
      ...(refreshes ? [bounded, absolute] : []),
    ],
  };
}

/** What the registration has to say, because it is not what the server does anyway. */
export function lifetimesOf({ settings }: Effective): Lifetimes {
  const own = (name: Setting['name']): string | undefined => {
    const setting = settings.find((one) => one.name === name);
    return setting === undefined || setting.setBy === 'AuthorizationServer' ? undefined : setting.value;
  };
  return {
    accessToken: own('accessToken.lifetime'),
    refreshIdle: own('refreshToken.idle'),
    refreshAbsolute: own('refreshToken.absolute'),
  };
}

const policyNames: Readonly<Record<Exclude<Setting['name'], 'profile'>, LifetimeName>> = {
  'accessToken.lifetime': 'accessToken',
  'refreshToken.idle': 'refreshToken.idle',
  'refreshToken.absolute': 'refreshToken.absolute',
};

/** What a Client asks for was compared already; what it leaves out must not be longer than what it could ask for. */
function lifetime(
  name: Exclude<Setting['name'], 'profile'>,
  own: string | undefined,
  server: string,
  policy: ClientPolicy,
): Setting {
  if (own !== undefined) return { name, value: own, setBy: 'Client' };
  const longest = longestOf(policy, policyNames[name]);
  if (longest !== undefined && durationSeconds(longest) < durationSeconds(server))
    return { name, value: longest, setBy: `policy ${policy.name}` };
  return { name, value: server, setBy: 'AuthorizationServer' };
}
