/** PURE. A picture for the pages, kept in a ConfigMap beside the object that names it. */
import { Type } from 'typebox';
import { group } from './field.ts';
import { configMapKeyRef } from './references.ts';

/** Bytes of a PNG file at most, and pixels of its sides. */
export const logoBounds = { bytes: 64 * 1024, pixels: 512 } as const;

const leftOut = 'none is shown';

export const logo = (what: string) =>
  Type.Optional(
    group(
      {
        configMapRef: configMapKeyRef(
          `The ConfigMap with the picture: a PNG of at most 64 KiB and 512 pixels a side, in binaryData, as kubectl create configmap --from-file writes it.`,
          'logo.png',
          'shop-logo',
          leftOut,
        ),
      },
      {
        what: `${what} The server serves it itself; nothing is fetched from elsewhere.`,
        example: { configMapRef: { name: 'shop-logo' } },
        leftOut,
      },
    ),
  );
