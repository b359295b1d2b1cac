/** Before the first test of this layer: a cluster must be given, and gets the images. */
import { loadImages } from './images.ts';

export default async function setup(): Promise<void> {
  const { KUBECONFIG, E2E_LOAD_IMAGE } = process.env;
  const missing = [
    ...(KUBECONFIG === undefined ? ['KUBECONFIG (a disposable cluster, with all rights)'] : []),
    ...(E2E_LOAD_IMAGE === undefined
      ? ['E2E_LOAD_IMAGE (a command that reads an image archive, e.g. "kind load image-archive /dev/stdin")']
      : []),
  ];
  if (missing.length > 0) throw new Error(`these tests need a cluster with running pods: set ${missing.join(' and ')}`);
  await loadImages(E2E_LOAD_IMAGE ?? '', (line) => console.log(`e2e: ${line}`));
}
