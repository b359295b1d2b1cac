/** PURE. How the pages look and what they link to. No markup, no style sheets: nothing here can change what a page says. */
import { Type } from 'typebox';
import { group, type Rule, text } from './field.ts';
import { logo } from './logo.ts';
import { plainText } from './text-rules.ts';
import { securePage } from './uri-rules.ts';

const hexColor: Rule = {
  rule: `self.matches('^#[0-9A-Fa-f]{6}$')`,
  message: 'must be a colour written as #rrggbb, for example #0f4f80',
};

const accent = (what: string, example: string, change: string) =>
  Type.Optional(
    text({
      what: `${what} One with less contrast than 4.5:1 on the pages is ${change} until it has it, and the condition BrandingAdjusted says so.`,
      max: 7,
      rules: [hexColor],
      allowed: 'a colour written as #rrggbb',
      example,
      leftOut: 'our own',
    }),
  );

const link = (what: string, example: string) =>
  Type.Optional(
    text({ what, max: 2048, rules: [securePage], allowed: 'https', example, leftOut: 'no such link is shown' }),
  );

const line = (what: string, max: number, example: string, leftOut: string) =>
  Type.Optional(
    text({
      what: `${what} It stands on pages of every language as it is.`,
      max,
      rules: [plainText],
      example,
      leftOut,
    }),
  );

export const branding = Type.Optional(
  group(
    {
      displayName: Type.Optional(
        text({
          what: 'Name of the product or organisation on every page.',
          max: 64,
          rules: [plainText],
          example: 'Example Inc.',
          leftOut: 'Nauthera',
        }),
      ),
      logo: logo('Logo above every page, in place of the name.'),
      colors: Type.Optional(
        group(
          {
            light: accent('Accent colour for people who prefer light pages.', '#0f4f80', 'darkened'),
            dark: accent('Accent colour for people who prefer dark pages.', '#94c8f3', 'lightened'),
          },
          { what: 'Colour of buttons and links.', example: { light: '#0f4f80', dark: '#94c8f3' }, leftOut: 'our own' },
        ),
      ),
      links: Type.Optional(
        group(
          {
            help: link('Where people get help with signing in.', 'https://help.example.com'),
            privacy: link('Privacy policy.', 'https://example.com/privacy'),
            terms: link('Terms of use.', 'https://example.com/terms'),
          },
          {
            what: 'Links below every page.',
            example: { help: 'https://help.example.com' },
            leftOut: 'no links are shown',
          },
        ),
      ),
      texts: Type.Optional(
        group(
          {
            usernameLabel: line('Label of the field for the user name.', 64, 'Staff number', 'Username, translated'),
            usernameHint: line('What stands beneath it.', 128, 'As on your badge, for example s1234', 'nothing'),
            help: line('How people who cannot sign in get help.', 256, 'Service desk: extension 4711', 'nothing'),
            footer: line('What stands at the end of every page.', 256, 'Example Inc., Springfield', 'nothing'),
          },
          { what: 'Words of your own.', example: { usernameLabel: 'Staff number' }, leftOut: 'ours, translated' },
        ),
      ),
    },
    { what: 'How pages look.', example: { displayName: 'Example Inc.' }, leftOut: 'plain pages' },
  ),
);
