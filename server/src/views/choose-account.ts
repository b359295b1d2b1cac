/** Who is it? A browser has one session, so it is that account or another one. */
import { html } from './html.ts';
import { ownHref } from './links.ts';
import { name } from './messages.ts';
import { type ClientText, type Form, type Frame, hiddenFields, renderPage, requestForm } from './page.ts';

export interface ChooseAccountInput extends Frame {
  /** Posts `account` = the `id` of one, or `use-another` = `1`. */
  readonly form: Form;
  readonly client: ClientText;
  readonly accounts: readonly { readonly id: string; readonly name: string; readonly username: string }[];
}

export function chooseAccountPage(input: ChooseAccountInput): string {
  const { language, client, accounts } = input;
  const buttons = accounts.map(
    (account) =>
      html`<button name="account" value="${account.id}">${language.say('choose-account.account', { name: name(account.name), username: name(account.username) })}</button>\n`,
  );
  return renderPage(input, {
    name: 'choose-account',
    title: language.text('choose-account.heading'),
    heading: language.say('choose-account.heading'),
    carriesRequest: true,
    body: html`<p class="lead">${language.say('choose-account.continue-to', { client: name(client.name) })}</p>
<form id="${requestForm}" method="post" action="${ownHref(input.form.action)}">
${hiddenFields(input.form)}<p class="buttons">${buttons}<button class="quiet" id="use-another" name="use-another" value="1">${language.say('choose-account.use-another')}</button></p>
</form>`,
  });
}
