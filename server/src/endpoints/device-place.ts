/**
 * Where a device asked from, as far as that may be told to the person who is to confirm it: the network of its address, and
 * nothing at all where an address may be that of a proxy in front of us. A place is never guessed.
 */
import { isIPv6 } from 'node:net';
import { networkOf, type Source } from '../http/source.ts';

/** `192.0.2.0/24`, `2001:db8:1::/48`; `undefined`: nobody vouches for the address. */
export function placeOfDevice(source: Source): string | undefined {
  return source.trustworthy === true ? networkBehind(source.address) : undefined;
}

function networkBehind(address: string): string | undefined {
  const plain = networkOf(address);
  if (/^\d+(?:\.\d+){3}$/.test(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  if (!isIPv6(address)) return undefined;
  return `${plain.split(':').slice(0, 3).join(':')}::/48`;
}

export type Place = { readonly place: 'same' | 'unknown' } | { readonly place: 'other'; readonly network: string };

/** @param asked what {@link placeOfDevice} said when the device asked. */
export function comparePlaces(asked: string | undefined, mine: string | undefined): Place {
  if (asked === undefined || mine === undefined) return { place: 'unknown' };
  return asked === mine ? { place: 'same' } : { place: 'other', network: asked };
}
