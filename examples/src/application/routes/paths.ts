/** Where others send a browser, or a message, to this application. The Clients in `examples/resources` name them. */

/** Posted to by the authorization server's page; `state` and cookie prove that it was asked for. */
export const callbackPath = '/callback';
export const signedOutPath = '/signed-out';
export const frontchannelPath = '/frontchannel-logout';
/** Of the listener with TLS. */
export const backchannelPath = '/backchannel-logout';
