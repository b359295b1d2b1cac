/** PURE. Accent colours that people can read on our pages (WCAG 2.2, "contrast ratio"). */

type Scheme = 'light' | 'dark';

/** What accent colours stand on, as in the style sheet of the pages. */
export const pageColors: Readonly<Record<Scheme, readonly string[]>> = {
  light: ['#f2f5f8', '#dfe8f1', '#ffffff', '#edf3f8'],
  dark: ['#0d1116', '#16202b', '#151a21', '#1d2732'],
};

/** For text of any size. */
export const leastContrast = 4.5;

export interface Readable {
  /** `#rrggbb`, lower case. */
  readonly color: string;
  /** The least contrast of what was asked for, if that was too little. */
  readonly was?: number;
}

/** The colour itself, or the nearest darker (on dark pages: lighter) one of its hue that can be read. */
export function readable(color: string, scheme: Scheme): Readable {
  const wanted = color.toLowerCase();
  const was = leastOf(wanted, scheme);
  if (was >= leastContrast) return { color: wanted };
  const end = scheme === 'light' ? 0 : 255;
  for (let step = 1; step <= steps; step += 1) {
    const nearer = mixed(wanted, end, step / steps);
    if (leastOf(nearer, scheme) >= leastContrast) return { color: nearer, was };
  }
  return { color: mixed(wanted, end, 1), was };
}

const steps = 255;

function leastOf(color: string, scheme: Scheme): number {
  return Math.min(...pageColors[scheme].map((page) => contrast(color, page)));
}

export function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function channels(color: string): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Towards black or white, which keeps the hue. */
function mixed(color: string, end: number, share: number): string {
  return `#${channels(color)
    .map((value) =>
      Math.round(value + (end - value) * share)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}
