/**
 * `helm template … | node image/src/image-list.ts`: every image of a rendered chart with the digest that its registry has for
 * it, one a line, as `registry.example.com/nauthera/nauthera:0.1.0@sha256:…`. Of an image for several architectures it is the
 * digest of them all. Asks the registries with `docker buildx imagetools`; an image without a digest ends it with code 1.
 */
import { execFile } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

/** Of containers, and of the pods that the operator makes. Sorted, each once. */
export function imagesIn(rendered: string): readonly string[] {
  const found = rendered.matchAll(/^\s*(?:- )?(?:image: |- --server-image=)"?([^\s"]+)"?$/gm);
  return [...new Set([...found].map(([, image = '']) => image))].toSorted();
}

/** @throws where the registry answers something else than a digest */
export async function pinned(image: string, digestOf: (image: string) => Promise<string>): Promise<string> {
  if (image.includes('@')) return image;
  const digest = (await digestOf(image)).trim();
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`${image}: the registry shows no digest`);
  return `${image}@${digest}`;
}

async function ask(image: string): Promise<string> {
  const inspect = ['buildx', 'imagetools', 'inspect', '--format', '{{.Manifest.Digest}}', image];
  return (await promisify(execFile)('docker', inspect)).stdout;
}

if (import.meta.main) {
  const images = imagesIn(await text(process.stdin));
  if (images.length === 0) throw new Error('standard input is no rendered chart with an image in it');
  for (const image of images) console.log(await pinned(image, ask));
}
