import { describe, expect, it } from 'vitest';
import { html, SafeHtml } from '../../../server/src/views/html.ts';

describe('html', () => {
  it.each([
    ['<b>', '&lt;b&gt;'],
    ['"', '&quot;'],
    ["'", '&#39;'],
    ['&lt;', '&amp;lt;'],
    ['a & b', 'a &amp; b'],
    ['\u202emoc.elpmaxe\u202c', '\ufffdmoc.elpmaxe\ufffd'],
    ['\u2066isolated\u2069', '\ufffdisolated\ufffd'],
    ['nul\u0000 escape\u001b bell\u0007 next line\u0085', 'nul\ufffd escape\ufffd bell\ufffd next line\ufffd'],
    ['line\nline\ttab', 'line\nline\ttab'],
    ['مرحبا\u200f، שלום, 你好, 👩🏽‍🚀', 'مرحبا\u200f، שלום, 你好, 👩🏽‍🚀'],
  ])('%j is text', (value, escaped) => {
    expect(html`<p>${value}</p>`.toString()).toBe(`<p>${escaped}</p>`);
  });

  it('what the tag made is not escaped twice', () => {
    const inner = html`<b>${'<'}</b>`;
    expect(html`<p>${inner}${[inner, 'x']}</p>`.toString()).toBe('<p><b>&lt;</b><b>&lt;</b>x</p>');
  });

  it('nothing is left behind by undefined and false; 0 and the empty text stay themselves', () => {
    expect(html`[${undefined}${false}${0}${''}]`.toString()).toBe('[0]');
  });

  it('A12: an object that only looks like markup is not markup', () => {
    expect(SafeHtml.is({ toString: () => '<script>' })).toBe(false);
    expect(SafeHtml.is('<script>')).toBe(false);
    expect(SafeHtml.is(Object.create(SafeHtml.prototype))).toBe(false);
  });
});
