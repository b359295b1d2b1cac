/**
 * The accent colours that a server's owner chose, as a style sheet of its own. Its path holds the colours, so that every
 * replica can serve it whatever it was told last, and the hash of its content, so that it may be kept for ever.
 */
import { type Asset, asset } from './assets.ts';

export interface AccentColors {
  /** `#rrggbb`, lower case, judged readable by whoever declared them; left out: ours. */
  readonly light?: string | undefined;
  readonly dark?: string | undefined;
}

/** `undefined`: there is nothing to change. */
export function accentSheet({ light, dark }: AccentColors): Asset | undefined {
  if (light === undefined && dark === undefined) return undefined;
  const rule = (scheme: string, color: string | undefined): string =>
    color === undefined
      ? ''
      : `@media (prefers-color-scheme:${scheme}) and (forced-colors:none){:root{--accent:${color};--on-accent:${textOn(color)}}}`;
  const name = [light, dark].map((color) => color?.slice(1) ?? 'none').join('-');
  return asset(rule('light', light) + rule('dark', dark), 'css', 'text/css; charset=utf-8', `-${name}`);
}

/** The style sheet of that path, or `undefined` for a path that none has. */
export function accentSheetAt(path: string): Asset | undefined {
  const [, light, dark] = /^\/assets\/[0-9a-f]{16}-([0-9a-f]{6}|none)-([0-9a-f]{6}|none)\.css$/.exec(path) ?? [];
  const color = (digits: string | undefined) => (digits === undefined || digits === 'none' ? undefined : `#${digits}`);
  const sheet = accentSheet({ light: color(light), dark: color(dark) });
  return sheet?.path === path ? sheet : undefined;
}

/** Black or white, whichever is read more easily: one of them has at least 4.5:1 on any colour. */
export function textOn(color: string): '#000' | '#fff' {
  const luminance = relativeLuminance(color);
  return (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) ? '#000' : '#fff';
}

/** WCAG 2.2, "relative luminance", of `#rrggbb`. */
function relativeLuminance(color: string): number {
  const channel = (at: number): number => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
