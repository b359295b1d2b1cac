/** The API that the resources belong to. */
export const apiGroup = 'auth.nauthera.io';
export const version = 'v1alpha1';
export const apiVersion = 'auth.nauthera.io/v1alpha1';
