/** Somebody came back from signing out whom this application did not send there, or has forgotten. */
import { html } from '../html.ts';
import { layout } from './layout.ts';

export function signedOutPage(): string {
  return layout({
    name: 'signed-out',
    title: 'Signed out',
    body: html`<p>The authorization server has ended the session and sent the browser here.</p>
<p><a class="button" href="/">Back to the start</a></p>`,
  });
}
