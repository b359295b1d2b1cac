/** One walk: its steps so far, and what can be done next. */
import { type Html, html } from '../html.ts';
import { decodeToken } from '../jwt.ts';
import type { Exchange } from '../recorder.ts';
import type { Part, Step, Token, Walk } from '../walk.ts';
import { action, layout } from './layout.ts';
import { meanings } from './meanings.ts';

export function walkPage(walk: Walk, authorizationUrl: URL | undefined): string {
  const last = walk.steps.length - 1;
  return layout({
    name: 'walk',
    title: walk.credentials.clientName,
    body: html`<p>Client id <code>${walk.credentials.clientId}</code>, at <code>${walk.credentials.issuer}</code></p>
<ol class="steps">
${walk.steps.map((step, at) => stepSection(step, at === last))}</ol>
<nav id="next" aria-label="What next">
${nextActions(walk, authorizationUrl)}<p><a class="button" id="start-over" href="/">Start over</a></p>
</nav>`,
  });
}

function nextActions(walk: Walk, authorizationUrl: URL | undefined): readonly Html[] {
  const next: Html[] = [];
  const offer = (id: string, label: string) =>
    next.push(action({ path: `/walks/${walk.id}/${id}`, label, id, main: next.length === 0 }));
  if (authorizationUrl !== undefined) {
    next.push(
      html`<p><a class="button main" id="go" href="${authorizationUrl.href}">Go to ${authorizationUrl.host}</a></p>\n`,
    );
  }
  if (walk.answer?.searchParams.has('code')) offer('exchange', 'Exchange the code');
  if (walk.flow === 'machine') offer('machine', 'Ask for a token');
  if (walk.subject !== undefined) offer('userinfo', 'Ask who it is');
  if (walk.refreshToken !== undefined) offer('refresh', 'Refresh the tokens');
  return next;
}

function stepSection(step: Step, open: boolean): Html {
  const tag = step.outcome === 'refused' && html` <span class="tag bad">refused</span>`;
  return html`<li data-step="${step.name}" data-outcome="${step.outcome}"${open && html` id="latest"`}>
<h2>${step.title}${tag}</h2>
<p>${step.text}</p>
${step.parts.map((part) => partSection(part, open))}</li>
`;
}

function partSection(part: Part, open: boolean): Html {
  switch (part.type) {
    case 'exchange':
      return exchangeSection(part.exchange, open);
    case 'parameters':
      return html`<p class="address">${part.url}</p>\n${parameterList(part.parameters)}`;
    case 'token':
      return tokenSection(part.token);
  }
}

function exchangeSection(exchange: Exchange, open: boolean): Html {
  const { pathname, host } = new URL(exchange.url);
  return html`<details${open && html` open`}><summary><code>${exchange.method} ${pathname}</code> → ${exchange.status}</summary>
<h3>Request to ${host}</h3>
${headerBlock(`${exchange.method} ${pathname}`, exchange.requestHeaders)}${parameterList(exchange.form)}
<h3>Answer</h3>
${headerBlock(String(exchange.status), exchange.responseHeaders)}<pre><code>${prettyBody(exchange.body)}</code></pre>
</details>
`;
}

function headerBlock(first: string, headers: readonly (readonly [string, string])[]): Html {
  const lines = [first, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return html`<pre><code>${lines.join('\n')}</code></pre>\n`;
}

function parameterList(parameters: readonly (readonly [string, string])[]): Html | undefined {
  if (parameters.length === 0) return undefined;
  const rows = parameters.map(([name, value]) => {
    const meaning = meanings[name];
    return html`<dt><code>${name}</code></dt><dd><code>${value}</code>${meaning && html`<br><small>${meaning}</small>`}</dd>\n`;
  });
  return html`<dl class="parameters">\n${rows}</dl>\n`;
}

function tokenSection(token: Token): Html {
  const decoded = decodeToken(token.value);
  if (decoded === undefined) {
    return html`<section class="token"><h3>${token.name}</h3>
<p>Opaque: it means something to the authorization server alone.</p>
<pre><code>${token.value}</code></pre></section>
`;
  }
  return html`<section class="token"><h3>${token.name}</h3>
<h4>Header</h4>
<pre><code>${pretty(decoded.header)}</code></pre>
<h4>Claims</h4>
<pre><code>${pretty(decoded.payload)}</code></pre>
${times(decoded.payload)}<details><summary>As it is sent</summary><pre class="wrap"><code>${token.value}</code></pre></details></section>
`;
}

function times(payload: unknown): Html | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const found = Object.entries(payload).filter(
    ([name, value]) => ['iat', 'nbf', 'exp', 'auth_time'].includes(name) && typeof value === 'number',
  );
  if (found.length === 0) return undefined;
  const texts = found.map(
    ([name, value]) => `${name} is ${new Date(Number(value) * 1000).toISOString().slice(11, 19)}`,
  );
  return html`<p><small>${texts.join(', ')} (UTC)</small></p>\n`;
}

function prettyBody(body: string): string {
  try {
    return pretty(JSON.parse(body));
  } catch {
    return body;
  }
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
