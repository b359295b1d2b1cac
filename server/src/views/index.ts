/**
 * The pages. Each is a pure function `(input) => string` that answers a whole HTML document; everything it shows is in
 * its input, and everything in its input is text to it.
 */

export { type AccentColors, accentSheet, accentSheetAt, textOn } from './accent.ts';
export {
  type AccountApplication,
  type AccountInput,
  type AccountQuestion,
  type AccountSession,
  accountPage,
  accountQuestions,
  type QuestionForAll,
} from './account.ts';
export { type Asset, icon, stylesheet } from './assets.ts';
export { type ChooseAccountInput, chooseAccountPage } from './choose-account.ts';
export {
  type ConsentInput,
  type ConsentPartialInput,
  consentPage,
  consentPartialPage,
} from './consent.ts';
export { type ContinueInput, continuePage } from './continue.ts';
export {
  type DeviceConfirmInput,
  type DeviceDoneInput,
  type DeviceInput,
  type DeviceProblem,
  deviceConfirmPage,
  deviceDonePage,
  devicePage,
} from './device.ts';
export { type ErrorInput, errorPage, type Step } from './error.ts';
export { type FormPostInput, formPostPage, formPostScriptHash } from './form-post.ts';
export { placeOf } from './links.ts';
export { type LoginInput, type LoginProblem, loginPage } from './login.ts';
export {
  catalogues,
  english,
  type Language,
  type LanguageWishes,
  languageNames,
  negotiateLanguage,
  requestedLanguage,
} from './messages.ts';
export type { Branding, ClientText, Form, Frame, HiddenField } from './page.ts';
export { type PasswordInput, type PasswordProblem, passwordPage } from './password.ts';
export type { ClaimText, RequestedScope, ScopeText } from './scopes.ts';
export { type SignedOutInput, type SignOutInput, signedOutPage, signOutPage } from './sign-out.ts';
