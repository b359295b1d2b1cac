/** What the check plays through, in order. */
import { application } from './application.ts';
import { locked, stopped } from './directory.ts';
import { machine } from './machine.ts';
import type { Scene } from './scene.ts';
import { allowed, denied, refused } from './sign-in.ts';

export const scenes: readonly Scene[] = [machine, allowed, denied, refused, stopped, locked, application];
