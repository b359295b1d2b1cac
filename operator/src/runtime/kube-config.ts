/** The one thing that is taken from the client library, alone: a bundler then leaves out what it brings for every kind. */
export { KubeConfig } from '@kubernetes/client-node';
