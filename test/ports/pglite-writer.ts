/** A process of its own: inserts into `things` of the PGlite folder given and prints every acknowledged id. */
import { openDatabase } from '../../server/src/store/open.ts';

const database = await openDatabase(`pglite:${process.argv[2]}`);
const { rows } = await database.run<{ id: number }>({ name: 'last', text: 'SELECT max(id) AS id FROM things' }, []);
for (let id = (rows[0]?.id ?? 0) + 1; ; id += 1) {
  await database.run({ name: 'insert', text: 'INSERT INTO things VALUES ($1)' }, [id]);
  process.stdout.write(`${id}\n`);
}
