/**
 * What a browser calls itself (RFC 9110 §10.1.5), for people who look at where they are signed in. Anybody can send
 * anything: nothing is decided by it.
 */
import type { IncomingHttpHeaders } from 'node:http';

const maxLength = 256;

/** Bounded, and without what cannot be stored or shown; `undefined`: it says nothing. */
export function userAgentOf(headers: IncomingHttpHeaders): string | undefined {
  const text = (headers['user-agent'] ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, maxLength);
  return text === '' ? undefined : text;
}

export interface BrowserName {
  /** `undefined`: not one of those that are known by name. */
  readonly browser: string | undefined;
  readonly system: string | undefined;
}

/** First match wins: most browsers also name those that they want to be served like. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera|OPT)\//, 'Opera'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bVersion\/[\d.]+.* Safari\//, 'Safari'],
];

const systems: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\biPad\b/, 'iPadOS'],
  [/\b(?:iPhone|iPod)\b/, 'iOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac ?OS ?X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

export function browserName(userAgent: string | null | undefined): BrowserName {
  const first = (names: readonly (readonly [RegExp, string])[]) =>
    names.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1];
  return { browser: first(browsers), system: first(systems) };
}
