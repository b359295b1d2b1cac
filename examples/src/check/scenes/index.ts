/** What the check plays through, in order. */
import { application } from './application.ts';
import { device } from './device.ts';
import { directoryPage, directoryPageLater } from './directory-page.ts';
import { down } from './down.ts';
import { introspection } from './introspection.ts';
import { logout } from './logout.ts';
import { documents, machine } from './machine.ts';
import { refresh, session } from './refresh.ts';
import { responseTypeScenes } from './response-type.ts';
import { revocation } from './revocation.ts';
import type { Scene } from './scene.ts';
import { signIn } from './sign-in.ts';
import { native, pairwise } from './tokens.ts';

export const scenes: readonly Scene[] = [
  documents,
  directoryPage,
  signIn,
  ...responseTypeScenes,
  device,
  refresh,
  machine,
  introspection,
  revocation,
  logout,
  down,
  session,
  pairwise,
  native,
  application,
  directoryPageLater,
];
