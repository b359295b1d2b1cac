/** PURE. The words of the protocol that a resource may use, as the RFCs spell them where they have one. */
export const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials'] as const;
export const responseTypes = ['code'] as const;
export const authenticationMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'kubernetes_service_account',
  'none',
] as const;
export const assertionAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
export const consentModes = ['Always', 'Remember', 'Implicit'] as const;
export const signingAlgorithms = ['ES256', 'RS256'] as const;
