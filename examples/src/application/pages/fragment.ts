/** Where an answer in the fragment arrives: the server cannot see it, so this page hands it over. */
import { createHash } from 'node:crypto';
import { html } from '../html.ts';
import { layout } from './layout.ts';

/** Constant, so that the page's policy can name it by its hash. Afterwards the tokens stand in no address any more. */
const script = html`const form = document.forms[0];
if (location.hash !== '') {
form.elements.fragment.value = location.hash;
history.replaceState(null, '', location.pathname);
form.submit();
}`;
export const fragmentScriptHash = `sha256-${createHash('sha256').update(script.toString()).digest('base64')}`;

export function fragmentPage(): string {
  return layout({
    name: 'fragment',
    title: 'The answer is in the address',
    body: html`<p>It stands behind the <code>#</code> of this page’s address. A browser keeps that part to itself and sends it to
no server, so this application has not seen it yet. An application that lives in the browser reads it with a script; a
short one here posts it to the application, which shows it.</p>
<p>Without scripts you can hand it over yourself: copy the address of this page into the field.</p>
<form method="post" action="/callback/fragment">
<label for="fragment">Address of this page, or what stands behind its #</label>
<textarea id="fragment" name="fragment" rows="4" required autocomplete="off" spellcheck="false"></textarea>
<button class="main" id="hand-over">Show the answer</button></form>
<script>${script}</script>`,
  });
}
