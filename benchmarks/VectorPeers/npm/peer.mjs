// One embedded vector database: rows from a file of floats in batches, its index, then the queries. One JSON line on stdout.
//   node peer.mjs NAME FOLDER ROWS_FILE QUERIES_FILE TRUTH_FILE ROWS BATCH
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const [, , name, folder, rowsFile, queriesFile, truthFile, rowsText, batchText] = process.argv;
const dimension = 128, topK = 10, m = 16, efConstruction = 200;
const rows = Number(rowsText), batch = Number(batchText);
const read = (file, Type) => {
  const bytes = readFileSync(file);
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)); // a small file's bytes lie in a shared buffer
};
const vectors = read(rowsFile, Float32Array), queries = read(queriesFile, Float32Array), truth = read(truthFile, Int32Array);
const row = i => vectors.subarray(i * dimension, (i + 1) * dimension);
const query = i => queries.subarray(i * dimension, (i + 1) * dimension);
const seconds = async run => {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1000;
};

const peers = { lancedb, zvec, 'sqlite-vec': sqliteVec };
if (!peers[name]) {
  console.error(`expected one of ${Object.keys(peers).join(', ')}; found '${name}'`);
  process.exit(2);
}

const peer = await peers[name]();
const batches = Array.from({ length: Math.ceil(rows / batch) }, (_, i) => [i * batch, Math.min(rows, (i + 1) * batch)]);
// What a call costs that does nothing, with the same rows handed over in the same shape: the price of the door, not of the house.
// Once before it counts, while the runtime still compiles it.
for (const [from, to] of batches.slice(0, 20)) await peer.noop(from, to);
const noop = await seconds(async () => { for (const [from, to] of batches) await peer.noop(from, to); });
const insert = await seconds(async () => { for (const [from, to] of batches) await peer.insert(from, to); });
const index = await seconds(() => peer.index());
const points = [];
for (const effort of peer.efforts) {
  let found = 0;
  const count = peer.efforts.length === 1 ? Math.min(200, queries.length / dimension) : queries.length / dimension;
  await peer.search(query(0), effort);
  const took = await seconds(async () => {
    for (let q = 0; q < count; q++) {
      const wanted = new Set(truth.subarray(q * topK, (q + 1) * topK));
      for (const id of await peer.search(query(q), effort)) found += wanted.has(id) ? 1 : 0;
    }
  });
  points.push({ effort, recall: found / (count * topK), perSecond: count / took });
}
const counted = await peer.count();
await peer.close?.();
console.log(JSON.stringify({ name, version: peer.version, rows: counted, noop, insert, index, points }));

async function lancedb() {
  const { connect, Index, makeArrowTable, VectorColumnOptions } = await import('@lancedb/lancedb');
  const shaped = (from, to) => makeArrowTable(
    Array.from({ length: to - from }, (_, i) => ({ id: from + i, vector: Array.from(row(from + i)) })),
    { vectorColumns: { vector: new VectorColumnOptions() } });
  const database = await connect(folder);
  const table = await database.createTable('rows', shaped(0, 1));
  await table.delete('id = 0');
  return {
    version: version('@lancedb/lancedb'),
    efforts: [40, 80, 160, 320], // at least topK x refineFactor
    noop: (from, to) => shaped(from, to).numRows,
    insert: (from, to) => table.add(shaped(from, to)),
    index: () => table.createIndex('vector', { config: Index.hnswSq({ distanceType: 'l2', numPartitions: 1, m, efConstruction }), waitTimeoutSeconds: 3600 }),
    search: async (vector, ef) => (await table.vectorSearch(vector).distanceType('l2').ef(ef).nprobes(1).refineFactor(4).select(['id']).limit(topK).toArray()).map(r => r.id),
    count: () => table.countRows(),
    close: () => table.close(),
  };
}

async function zvec() {
  const z = (await import('@zvec/zvec')).default;
  const schema = new z.ZVecCollectionSchema({
    name: 'rows',
    vectors: {
      name: 'vector', dataType: z.ZVecDataType.VECTOR_FP32, dimension,
      indexParams: { indexType: z.ZVecIndexType.HNSW, metricType: z.ZVecMetricType.L2, m, efConstruction },
    },
  });
  const collection = z.ZVecCreateAndOpen(`${folder}/zvec`, schema);
  const shaped = (from, to) => Array.from({ length: to - from }, (_, i) => ({ id: `${from + i}`, vectors: { vector: row(from + i) } }));
  const require = (ok, what) => { if (!ok) throw new Error(`zvec: ${what}`); };
  return {
    version: version('@zvec/zvec'),
    efforts: [20, 40, 80, 160, 320],
    noop: (from, to) => shaped(from, to).length,
    insert: (from, to) => {
      const statuses = collection.insertSync(shaped(from, to));
      require(statuses.every(s => s.ok), `insert: ${JSON.stringify(statuses.find(s => !s.ok))}`);
    },
    index: () => collection.optimizeSync(),
    search: (vector, ef) => collection.querySync({ fieldName: 'vector', vector, topk: topK, params: { indexType: z.ZVecIndexType.HNSW, ef } }).map(d => Number(d.id)),
    count: () => collection.stats.docCount,
    close: () => collection.closeSync(),
  };
}

async function sqliteVec() {
  const Database = (await import('better-sqlite3')).default;
  const { load } = await import('sqlite-vec');
  const database = new Database(`${folder}/rows.db`);
  load(database);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL'); // each commit is flushed
  database.exec(`create virtual table rows using vec0(id integer primary key, vector float[${dimension}])`);
  const put = database.prepare('insert into rows(id, vector) values (?, ?)');
  const bytes = i => new Uint8Array(vectors.buffer, vectors.byteOffset + i * dimension * 4, dimension * 4);
  const nothing = database.prepare('select ?, ?');
  const insert = database.transaction((from, to) => { for (let i = from; i < to; i++) put.run(BigInt(i), bytes(i)); });
  const find = database.prepare(`select id from rows where vector match ? and k = ${topK} order by distance`);
  return {
    version: version('sqlite-vec'),
    efforts: [0], // it scans: there is no graph to try harder in
    noop: (from, to) => { for (let i = from; i < to; i++) nothing.get(BigInt(i), bytes(i)); },
    insert,
    index: () => {},
    search: vector => find.all(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)).map(r => r.id),
    count: () => database.prepare('select count(*) n from rows').get().n,
    close: () => database.close(),
  };
}

function version(of) {
  return JSON.parse(readFileSync(new URL(`./node_modules/${of}/package.json`, import.meta.url))).version;
}
