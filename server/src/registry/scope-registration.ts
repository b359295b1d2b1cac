import { type Static, Type } from 'typebox';
import { closed, list, literals, text } from './schema.ts';

/** A scope that is not built in; its id is `scope`. */
export const ScopeRegistration = Type.Object(
  {
    scope: text(128),
    display_name: text(128),
    description: Type.Optional(text(512)),
    claims: list(text(128), 50),
    audiences: list(text(512), 16),
    consent: literals(['required', 'implicit']),
    /** By BCP 47 tag: the same two texts in other languages. */
    translations: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$', maxLength: 35 }),
        Type.Object({ display_name: text(128), description: Type.Optional(text(512)) }, closed),
      ),
    ),
  },
  closed,
);
export type ScopeRegistration = Static<typeof ScopeRegistration>;
