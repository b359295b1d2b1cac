/** What each parameter is for, in one line. */
export const meanings: Readonly<Record<string, string>> = {
  client_id: 'which application asks',
  redirect_uri: 'where the answer goes; registered with the client, compared character by character',
  response_type: 'a code, to be exchanged for tokens in a second step',
  scope: 'what the application wants',
  state: 'comes back unchanged; an answer without it was not asked for here',
  nonce: 'stands in the ID token; ties it to this request',
  code_challenge: 'SHA-256 of a secret that stays here; only who knows the secret may exchange the code',
  code_challenge_method: 'SHA-256, nothing weaker',
  prompt: 'what the person is asked',
  code: 'exchanged for tokens, once',
  code_verifier: 'the secret behind code_challenge',
  iss: 'who answers; compared with the issuer that was asked',
  error: 'why not',
  error_description: 'the same for developers',
  grant_type: 'what is shown in exchange for tokens',
  refresh_token: 'shown to get new tokens; a new one comes back, this one is spent',
};
