import { operatorSuite } from './operator.suite.ts';

operatorSuite('PGlite', () => Promise.resolve(undefined));
