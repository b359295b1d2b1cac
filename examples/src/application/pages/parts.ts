/** What a step consists of: requests with their answers, parameters, tokens, and what was checked. */
import { type Html, html } from '../html.ts';
import { decodeToken } from '../jwt.ts';
import type { Exchange } from '../recorder.ts';
import type { Check, Device, Part, Token } from '../walk.ts';
import { meanings } from './meanings.ts';

/** @param open with all its details unfolded */
export function partSection(part: Part, open: boolean): Html {
  switch (part.type) {
    case 'exchange':
      return exchangeSection(part.exchange, open);
    case 'parameters':
      return html`<p class="address">${part.url}</p>\n${parameterList(part.parameters)}`;
    case 'checks':
      return checkList(part.checks);
    case 'user-code':
      return userCodeSection(part.device);
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
${headerBlock(String(exchange.status), exchange.responseHeaders)}${bodyBlock(exchange.body)}
</details>
`;
}

function headerBlock(first: string, headers: readonly (readonly [string, string])[]): Html {
  const lines = [first, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return html`<pre><code>${lines.join('\n')}</code></pre>\n`;
}

function bodyBlock(body: string): Html {
  return body === '' ? html`<p><small>without a body</small></p>` : html`<pre><code>${prettyBody(body)}</code></pre>`;
}

function parameterList(parameters: readonly (readonly [string, string])[]): Html | undefined {
  if (parameters.length === 0) return undefined;
  const rows = parameters.map(([name, value]) => {
    const meaning = meanings[name];
    return html`<dt><code>${name}</code></dt><dd><code>${value}</code>${meaning && html`<br><small>${meaning}</small>`}</dd>\n`;
  });
  return html`<dl class="parameters">\n${rows}</dl>\n`;
}

function checkList(checks: readonly Check[]): Html {
  const items = checks.map(
    ({ text, good }) =>
      html`<li>${good ? html`<span class="tag good">right</span>` : html`<span class="tag bad">wrong</span>`} ${text}</li>\n`,
  );
  return html`<ul class="checks">\n${items}</ul>\n`;
}

function userCodeSection({ userCode, verificationUri, verificationUriComplete }: Device): Html {
  const complete =
    verificationUriComplete !== undefined &&
    html`<p>Or with the code filled in, as a QR code would have it: <a id="verify-complete" href="${verificationUriComplete}" target="_blank" rel="noopener">${verificationUriComplete}</a></p>
`;
  return html`<section class="screen"><h3>On the screen of the device</h3>
<p>Go to <a id="verify" href="${verificationUri}" target="_blank" rel="noopener">${verificationUri}</a> and enter</p>
<p class="user-code" id="user-code">${userCode}</p></section>
${complete}`;
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
