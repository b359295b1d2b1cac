/** One application on the start page: what it is, and how its walk begins. */
import { type Html, html } from '../html.ts';
import type { Flow } from '../walk.ts';

export interface Offer {
  readonly key: string;
  readonly name: string;
  readonly about: string;
  /** What can be begun; none: its Secret is not there. */
  readonly flows: readonly Flow[];
  /** Of the flow through the browser, the usual one first. */
  readonly responseTypes: readonly string[];
}

export function offerCard(offer: Offer): Html {
  return html`<section class="card">
<h3>${offer.name}</h3>
<p>${offer.about}</p>
${offer.flows.map((flow, at) => startForm(offer, flow, at === 0))}</section>
`;
}

const labels: Readonly<Record<Flow, string>> = {
  browser: 'Sign in',
  device: 'Show a code',
  machine: 'Get a token',
};

function startForm({ key, responseTypes }: Offer, flow: Flow, first: boolean): Html {
  const id = first ? `start-${key}` : `start-${key}-${flow}`;
  return html`<form method="post" action="/walks"><input type="hidden" name="key" value="${key}">
<input type="hidden" name="flow" value="${flow}">
${flow === 'browser' && choices(key, responseTypes)}<button${first && html` class="main"`} id="${id}">${labels[flow]}</button></form>
`;
}

/** The first of each stands for what is usual, and sends nothing. */
function choices(key: string, responseTypes: readonly string[]): readonly Html[] {
  const front = responseTypes.some((type) => type !== 'code');
  return [
    select(`prompt-${key}`, 'prompt', 'Ask the person', [
      ['', 'what is needed'],
      ['login', 'to sign in again'],
      ['consent', 'for consent again'],
      ['select_account', 'which account to use'],
      ['none', 'nothing (prompt=none)'],
    ]),
    ...(responseTypes.length < 2
      ? []
      : [
          select(
            `type-${key}`,
            'response_type',
            'Ask for',
            responseTypes.map((type) => [type, type]),
          ),
        ]),
    select(`mode-${key}`, 'response_mode', 'The answer comes', [
      ['', 'the usual way'],
      ...(front ? [] : [['fragment', 'in the fragment'] as const]),
      ['form_post', 'as a form (form_post)'],
    ]),
  ];
}

function select(id: string, name: string, label: string, options: readonly (readonly [string, string])[]): Html {
  return html`<label for="${id}">${label}</label>
<select id="${id}" name="${name}">
${options.map(([value, text]) => html`<option value="${value}">${text}</option>\n`)}</select>
`;
}
