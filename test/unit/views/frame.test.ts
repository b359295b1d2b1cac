import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { consentPage, icon, loginPage, stylesheet } from '../../../server/src/views/index.ts';
import { root } from '../../rules/sources.ts';
import {
  allLanguages,
  arabic,
  brandedPages,
  consentInput,
  loginInput,
  samplePages,
} from '../../support/sample-pages.ts';
import { attributeValues, tagById, textById, textOf, titleOf } from './markup.ts';

const pages = Object.entries(samplePages());
const css = stylesheet.body.toString();

describe('every page', () => {
  it.each(pages)('%s: one document, one main, one heading that names it', (name, page) => {
    expect(page.startsWith('<!doctype html>\n<html lang="en" dir="ltr">')).toBe(true);
    for (const tag of ['head', 'title', 'body', 'main', 'h1'])
      expect(page.match(new RegExp(`<${tag}[ >]`, 'g')), tag).toHaveLength(1);
    const heading = textOf(`<body>${/<h1>[\s\S]*<\/h1>/.exec(page)?.[0]}`);
    const product = name.endsWith('-long') ? 'The Ministry of Extraordinarily Long Organisation Names' : 'Acme';
    const isProblem = page.includes('id="problem"') || name.startsWith('error');
    expect(titleOf(page)).toBe(`${isProblem ? 'Error: ' : ''}${heading} – ${product}`);
    expect(page.indexOf('class="product"')).toBeLessThan(page.indexOf('<h1>'));
    const hook = /<body data-page="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(name === hook || name.startsWith(`${hook}-`)).toBe(true);
  });

  it.each(pages)('%s: no script, no inline style, nothing from elsewhere', (name, whole) => {
    // The one script that there is; it is constant.
    const page = name === 'form-post' ? whole.replace('<script>document.forms[0].submit()</script>', '') : whole;
    expect(page).not.toMatch(/<(script|style|iframe|object|embed|img|base)\b/i);
    expect(page).not.toMatch(/<[^>]*\s(style|on\w+|srcdoc)=/i);
    expect(page).not.toMatch(/<[^>]*\stabindex="[1-9]/);
    expect([...page.matchAll(/<link [^>]*>/g)].map(([tag]) => attributeValues(tag, 'href'))).toEqual([
      [icon.path],
      [stylesheet.path],
    ]);
  });

  it.each(pages)('%s: ids are unique, labels and links meet their fields', (_, page) => {
    const ids = attributeValues(page, 'id');
    expect(new Set(ids).size).toBe(ids.length);
    const references = [
      ...attributeValues(page, 'for'),
      ...attributeValues(page, 'aria-describedby').flatMap((list) => list.split(' ')),
      ...attributeValues(page, 'aria-labelledby'),
      ...attributeValues(page, 'href').flatMap((href) => (href.startsWith('#') ? [href.slice(1)] : [])),
    ];
    expect(references.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it.each(allLanguages.map((language) => [language.tag, language] as const))(
    'in %s, page and style sheet together are at most 14 KB, with the longest words too',
    (_, language) => {
      const sizes = Object.entries({ ...samplePages(language), ...brandedPages(language) })
        .map(([name, page]) => [name, Buffer.byteLength(page) + stylesheet.body.length] as const)
        .filter(([, size]) => size > 14 * 1024);
      expect(sizes).toEqual([]);
    },
  );

  it('a scope takes its words and little more: forty-five fit beside the style sheet, and none is cut', () => {
    const words = {
      displayName: 'Read the orders of your team',
      description: 'Orders, their lines and their prices; not who paid.',
    };
    const sizeWith = (count: number) =>
      Buffer.byteLength(
        consentPage(
          consentInput({ scopes: Array.from({ length: count }, (_, at) => ({ scope: `shop:${at}`, ...words })) }),
        ),
      );
    const own = words.displayName.length + words.description.length;
    expect(sizeWith(45) + stylesheet.body.length).toBeLessThanOrEqual(14 * 1024);
    expect((sizeWith(45) - sizeWith(20)) / 25).toBeLessThanOrEqual(own + 31);
    // As many as one request may ask for, as it goes over the wire.
    expect(sizeWith(50) + stylesheet.gzipped.length).toBeLessThanOrEqual(11 * 1024);
  });

  it('another language brings its reading direction', () => {
    const page = loginPage(loginInput({ language: arabic }));
    expect(page).toContain('<html lang="ar" dir="rtl">');
    expect(textById(page, 'sign-in')).toBe('تسجيل الدخول');
  });

  it('an issuer with a path serves its style sheet and icon below it', () => {
    const page = loginPage(loginInput({ basePath: '/auth' }));
    expect(page).toContain(`<link rel="stylesheet" href="/auth${stylesheet.path}">`);
    expect(page).toContain(`<link rel="icon" type="image/svg+xml" href="/auth${icon.path}">`);
  });

  it('a form posts to a path of ours and nowhere else', () => {
    for (const action of ['https://evil.example/', '//evil.example/', 'javascript:alert(1)'])
      expect(() => loginPage(loginInput({ form: { action, fields: [] } }))).toThrow(RangeError);
  });

  it('the first button of the sign-in form signs in: it is what the Enter key chooses', () => {
    const page = loginPage(loginInput({ reauthentication: { name: 'Ada', username: 'ada' } }));
    expect(/<button [^>]*>/.exec(page)?.[0]).toBe(tagById(page, 'sign-in'));
  });
});

describe('style sheet', () => {
  it('is named after its content, so that it may be kept for ever', () => {
    const hash = createHash('sha256').update(stylesheet.body).digest('hex');
    expect(stylesheet.path).toBe(`/assets/${hash.slice(0, 16)}.css`);
    expect(stylesheet.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(stylesheet.headers['content-type']).toBe('text/css; charset=utf-8');
  });

  it('fetches nothing, moves nothing, and hangs nothing over the page', () => {
    expect(css).not.toMatch(/url\(|@import|@font-face|animation|transition|position: ?(fixed|sticky)|!important/);
  });

  it('knows no left and right, so that it can be turned around', () => {
    expect(css).not.toMatch(
      /[{;](?:margin|padding|border)-(?:left|right)|[{;](?:left|right|float):|text-align:(?:left|right)/,
    );
  });

  it('is the file without comments and indentation', () => {
    const file = readFileSync(join(root, 'server/src/views/page.css'), 'utf8');
    const bare = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/[\s;]/g, '');
    expect(bare(css)).toBe(bare(file));
    expect(css).not.toContain('/*');
  });
});

describe('icon', () => {
  it('is named after its content, is a picture alone, and has the accent of the pages', () => {
    const hash = createHash('sha256').update(icon.body).digest('hex');
    expect(icon.path).toBe(`/assets/${hash.slice(0, 16)}.svg`);
    expect(icon.headers).toEqual({ ...stylesheet.headers, 'content-type': 'image/svg+xml' });
    expect(icon.body.toString()).not.toMatch(/script|style|href|on\w+=/);
    expect(css).toContain(`--accent:${/fill="(#\w{6})"/.exec(icon.body.toString())?.[1]}`);
  });
});

describe('WCAG 2.2 contrast', () => {
  const file = readFileSync(join(root, 'server/src/views/page.css'), 'utf8');
  const [light = '', dark = ''] = [...file.matchAll(/:root \{([^}]*)\}/g)].map((match) => match[1] ?? '');
  const colours = (block: string): Record<string, string> =>
    Object.fromEntries([...block.matchAll(/--([\w-]+): (#\w+);/g)].map((match) => [match[1] ?? '', match[2] ?? '']));
  const luminance = (colour: string): number => {
    const digits = colour.length === 4 ? colour.replace(/\w/g, '$&$&') : colour;
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
      return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one: string, other: string): number => {
    const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const pairs = [
    ['text', 'card', 4.5],
    ['soft', 'card', 4.5],
    ['accent', 'card', 4.5],
    ['wrong', 'card', 4.5],
    ['on-accent', 'accent', 4.5],
    ['text', 'tint', 4.5],
    ['accent', 'tint', 4.5],
    ['edge', 'card', 3],
    ['edge', 'tint', 3],
    ['accent', 'page', 3],
  ] as const;
  for (const [scheme, block] of [
    ['light', light],
    ['dark', dark],
  ] as const) {
    it.each(pairs)(`${scheme}: %s on %s is at least %d to 1`, (one, other, least) => {
      const named = colours(block);
      expect(contrast(named[one] ?? '', named[other] ?? '')).toBeGreaterThanOrEqual(least);
    });
  }
});
