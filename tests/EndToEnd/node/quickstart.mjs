// The quick start of the official Node SDK and a little more: every answer is compared with what it must be.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { assertNoRetries, connect, eventually, ok, random, unique } from './client.mjs';

const dim = 8;
const next = random(20240607);
const vector = () => Array.from({ length: dim }, () => Math.fround(next() * 2 - 1));
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const norm = (a) => Math.sqrt(dot(a, a));
const scores = {
  L2: (a, b) => a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0),
  IP: dot,
  COSINE: (a, b) => dot(a, b) / (norm(a) * norm(b)),
};
const best = (metric, rows, query, k) => rows
  .map((row) => ({ id: String(row.id), score: scores[metric](row.vector, query) }))
  .sort((a, b) => (metric === 'L2' ? a.score - b.score : b.score - a.score)).slice(0, k);
// A query's rows carry undeclared fields under $meta; a search's rows carry them beside the others.
const flat = (answer) => answer.data.map(({ $meta, ...row }) => ({ ...row, ...$meta }));
const close = (actual, expected, what) => assert.ok(Math.abs(actual - expected) < 1e-4, `${what}: ${actual}, expected ${expected}`);

let client;
const names = [];
const collection = (name) => { names.push(unique(name)); return names.at(-1); };

before(async () => { client = await connect(); });
after(async () => {
  for (const collection_name of names) await client.dropCollection({ collection_name });
  await client.closeConnection();
});

test('the server says which version it speaks and that it is healthy', async () => {
  assert.equal((await client.getVersion()).version, 'v2.6.4');
  const health = ok(await client.checkHealth(), 'health');
  assert.equal(health.isHealthy, true);
  assertNoRetries();
});

describe('quick start', () => {
  const name = collection('quickstart');
  const rows = Array.from({ length: 200 }, (_, id) => ({ id, vector: vector(), color: ['red', 'green', 'blue'][id % 3], size: id * 10 }));

  test('create', async () => {
    assert.equal((await client.hasCollection({ collection_name: name })).value, false);
    ok(await client.createCollection({ collection_name: name, dimension: dim, metric_type: 'L2', consistency_level: 'Strong' }), 'create');
    assert.equal((await client.hasCollection({ collection_name: name })).value, true);
    const described = ok(await client.describeCollection({ collection_name: name }), 'describe');
    assert.deepEqual(described.schema.fields.map((f) => f.name), ['id', 'vector']);
    assert.equal(described.schema.enable_dynamic_field, true);
    assert.equal(described.consistency_level, 'Strong');
    const state = ok(await client.getLoadState({ collection_name: name }), 'load state');
    assert.equal(state.state, 'LoadStateLoaded');
    assert.ok((await client.showCollections()).data.some((c) => c.name === name));
  });

  test('insert', async () => {
    const answer = ok(await client.insert({ collection_name: name, data: rows }), 'insert');
    assert.equal(Number(answer.insert_cnt), rows.length);
    assert.deepEqual(answer.IDs.int_id.data, rows.map((r) => String(r.id)));
    assert.deepEqual(answer.succ_index.map(Number), rows.map((_, i) => i));
    assert.equal(answer.acknowledged, true);
    assert.ok(BigInt(answer.timestamp) > 0n);
  });

  test('search sees at once what was acked', async () => {
    for (const query of [vector(), vector(), rows[17].vector]) {
      const answer = ok(await client.search({ collection_name: name, data: query, limit: 5, output_fields: ['id', 'color', 'size'] }), 'search');
      const expected = best('L2', rows, query, 5);
      assert.deepEqual(answer.results.map((r) => String(r.id)), expected.map((e) => e.id));
      answer.results.forEach((r, i) => {
        close(r.score, expected[i].score, 'score');
        assert.equal(r.color, rows[Number(r.id)].color);
        assert.equal(Number(r.size), rows[Number(r.id)].size);
      });
    }
  });

  test('several queries in one search', async () => {
    const queries = [vector(), vector(), vector()];
    const answer = ok(await client.search({ collection_name: name, data: queries, limit: 4, output_fields: ['id'] }), 'search');
    assert.deepEqual(answer.results.map((r) => r.map((h) => String(h.id))), queries.map((q) => best('L2', rows, q, 4).map((e) => e.id)));
  });

  test('search with a filter, an offset and a vector in the answer', async () => {
    const query = vector();
    const green = rows.filter((r) => r.color === 'green' && r.size >= 500);
    const filtered = ok(await client.search({ collection_name: name, data: query, limit: 6, filter: 'color == "green" and size >= 500', output_fields: ['id', 'vector'] }), 'filter');
    assert.deepEqual(filtered.results.map((r) => String(r.id)), best('L2', green, query, 6).map((e) => e.id));
    filtered.results.forEach((r) => r.vector.forEach((x, i) => close(x, rows[Number(r.id)].vector[i], 'vector')));
    const page = ok(await client.search({ collection_name: name, data: query, limit: 3, offset: 3, output_fields: ['id'] }), 'offset');
    assert.deepEqual(page.results.map((r) => String(r.id)), best('L2', rows, query, 6).slice(3).map((e) => e.id));
  });

  test('query with every kind of filter', async () => {
    const ids = async (filter, limit = 1000) => {
      const answer = ok(await client.query({ collection_name: name, filter, output_fields: ['id'], limit }), filter);
      return answer.data.map((r) => Number(r.id)).sort((a, b) => a - b);
    };
    const want = (predicate) => rows.filter(predicate).map((r) => r.id);
    assert.deepEqual(await ids('id in [3, 5, 7, 4711]'), [3, 5, 7]);
    assert.deepEqual(await ids('id not in [0] and id < 4'), [1, 2, 3]);
    assert.deepEqual(await ids('10 < id <= 13'), [11, 12, 13]);
    assert.deepEqual(await ids('color like "gr%" and not (size > 100)'), want((r) => r.color === 'green' && r.size <= 100));
    assert.deepEqual(await ids('color == "red" or size == 1990'), want((r) => r.color === 'red' || r.size === 1990));
    assert.deepEqual(await ids('color in ["blue", "none"]'), want((r) => r.color === 'blue'));
    assert.deepEqual(await ids('id >= 0', 7), [0, 1, 2, 3, 4, 5, 6]);
  });

  test('count and get', async () => {
    assert.equal(Number((await client.count({ collection_name: name })).data), rows.length);
    assert.equal(Number((await client.count({ collection_name: name, expr: 'color == "blue"' })).data), rows.filter((r) => r.color === 'blue').length);
    const got = ok(await client.get({ collection_name: name, ids: [42, 7], output_fields: ['id', 'color', 'vector'] }), 'get');
    assert.deepEqual(got.data.map((r) => Number(r.id)).sort((a, b) => a - b), [7, 42]);
    flat(got).forEach((r) => assert.equal(r.color, rows[Number(r.id)].color));
    assert.deepEqual(ok(await client.get({ collection_name: name, ids: [4711] }), 'get none').data, []);
  });

  test('upsert replaces', async () => {
    const changed = [7, 8, 300].map((id) => ({ id, vector: vector(), color: 'violet', size: -id }));
    const answer = ok(await client.upsert({ collection_name: name, data: changed }), 'upsert');
    assert.equal(Number(answer.upsert_cnt), 3);
    changed.forEach((row) => { rows[row.id] = row; });
    assert.equal(Number((await client.count({ collection_name: name })).data), 201);
    const violet = ok(await client.query({ collection_name: name, filter: 'color == "violet"', output_fields: ['id', 'size'], limit: 10 }), 'query');
    assert.deepEqual(flat(violet).map((r) => [Number(r.id), Number(r.size)]).sort((a, b) => a[0] - b[0]), [[7, -7], [8, -8], [300, -300]]);
    const found = ok(await client.search({ collection_name: name, data: changed[2].vector, limit: 1, output_fields: ['id'] }), 'search');
    assert.equal(Number(found.results[0].id), 300);
    close(found.results[0].score, 0, 'score');
  });

  test('delete by id and by filter', async () => {
    const before = rows.filter(Boolean);
    const one = ok(await client.delete({ collection_name: name, ids: [1, 2, 3] }), 'delete ids');
    assert.equal(Number(one.delete_cnt), 3);
    ok(await client.delete({ collection_name: name, filter: 'color == "violet"' }), 'delete filter');
    const left = before.filter((r) => ![1, 2, 3].includes(r.id) && r.color !== 'violet');
    assert.equal(Number((await client.count({ collection_name: name })).data), left.length);
    const query = before.find((r) => r.id === 2).vector;
    const found = ok(await client.search({ collection_name: name, data: query, limit: 5, output_fields: ['id'] }), 'search');
    assert.deepEqual(found.results.map((r) => String(r.id)), best('L2', left, query, 5).map((e) => e.id));
    rows.length = 0;
    rows.push(...left);
  });

  test('flush: the same answers from files', async () => {
    const flushed = ok(await client.flushSync({ collection_names: [name] }), 'flush');
    assert.equal(flushed.flushed, true);
    assert.equal(Number((await client.count({ collection_name: name })).data), rows.length);
    const query = vector();
    await eventually('handoff keeps every row', async () => {
      const found = ok(await client.search({ collection_name: name, data: query, limit: 5, output_fields: ['id'] }), 'search');
      assert.deepEqual(found.results.map((r) => String(r.id)), best('L2', rows, query, 5).map((e) => e.id));
      return true;
    });
    const statistics = ok(await client.getCollectionStatistics({ collection_name: name }), 'statistics');
    assert.ok(Number(statistics.data.row_count) >= rows.length, `row_count ${statistics.data.row_count}`);
    ok(await client.insert({ collection_name: name, data: [{ id: 9000, vector: query, color: 'new', size: 1 }] }), 'insert after flush');
    const again = ok(await client.search({ collection_name: name, data: query, limit: 1, output_fields: ['id', 'color'] }), 'search');
    assert.deepEqual([Number(again.results[0].id), again.results[0].color], [9000, 'new']);
  });

  test('release, load, and drop', async () => {
    ok(await client.releaseCollection({ collection_name: name }), 'release');
    const refused = await client.search({ collection_name: name, data: vector(), limit: 1 });
    assert.notEqual(refused.status.error_code, 'Success');
    ok(await client.loadCollectionSync({ collection_name: name }), 'load');
    assert.equal(Number((await client.count({ collection_name: name })).data), rows.length + 1);
    ok(await client.dropCollection({ collection_name: name }), 'drop');
    assert.equal((await client.hasCollection({ collection_name: name })).value, false);
  });

  test('nothing was retried', () => assertNoRetries());
});

for (const metric of ['L2', 'IP', 'COSINE']) {
  test(`own schema, string keys and ${metric}`, async () => {
    const name = collection(`schema_${metric}`.toLowerCase());
    ok(await client.createCollection({
      collection_name: name,
      consistency_level: 'Strong',
      fields: [
        { name: 'key', data_type: DataType.VarChar, is_primary_key: true, max_length: 64 },
        { name: 'year', data_type: DataType.Int32 },
        { name: 'price', data_type: DataType.Double },
        { name: 'sold', data_type: DataType.Bool },
        { name: 'embedding', data_type: DataType.FloatVector, dim },
      ],
      index_params: [{ field_name: 'embedding', index_type: 'HNSW', metric_type: metric, params: { M: 16, efConstruction: 100 } }],
    }), 'create');
    ok(await client.loadCollectionSync({ collection_name: name }), 'load');
    const index = ok(await client.describeIndex({ collection_name: name, field_name: 'embedding' }), 'describe index');
    const parameters = Object.fromEntries(index.index_descriptions[0].params.map((p) => [p.key, p.value]));
    assert.equal(parameters.metric_type, metric);
    assert.equal(parameters.index_type, 'HNSW');
    const rows = Array.from({ length: 120 }, (_, i) => ({ key: `k'${i}%_é `, year: 1900 + i, price: i / 4, sold: i % 2 === 0, embedding: vector() }));
    const answer = ok(await client.insert({ collection_name: name, data: rows }), 'insert');
    assert.deepEqual(answer.IDs.str_id.data, rows.map((r) => r.key));
    const query = vector();
    const expected = best(metric, rows.map((r) => ({ id: r.key, vector: r.embedding })), query, 7);
    const found = ok(await client.search({ collection_name: name, data: query, limit: 7, output_fields: ['key', 'year', 'price', 'sold'] }), 'search');
    assert.deepEqual(found.results.map((r) => r.key), expected.map((e) => e.id));
    found.results.forEach((r, i) => {
      const row = rows.find((x) => x.key === r.key);
      close(r.score, expected[i].score, 'score');
      assert.deepEqual([Number(r.year), r.price, r.sold], [row.year, row.price, row.sold]);
    });
    const sold = ok(await client.query({ collection_name: name, filter: 'sold == true and price < 2.5 and year > 1903', output_fields: ['key'], limit: 100 }), 'query');
    assert.deepEqual(sold.data.map((r) => r.key).sort(), rows.filter((r) => r.sold && r.price < 2.5 && r.year > 1903).map((r) => r.key).sort());
    const got = ok(await client.get({ collection_name: name, ids: [rows[3].key], output_fields: ['year'] }), 'get');
    assert.equal(Number(got.data[0].year), 1903);
    ok(await client.delete({ collection_name: name, ids: [rows[3].key] }), 'delete');
    assert.deepEqual(ok(await client.get({ collection_name: name, ids: [rows[3].key] }), 'get').data, []);
    assertNoRetries();
  });
}

test('auto ids are unique, rising, and answer to get', async () => {
  const name = collection('autoid');
  ok(await client.createCollection({ collection_name: name, dimension: dim, auto_id: true, metric_type: 'IP', consistency_level: 'Strong' }), 'create');
  const first = ok(await client.insert({ collection_name: name, data: [{ vector: vector(), n: 1 }, { vector: vector(), n: 2 }] }), 'insert');
  const second = ok(await client.insert({ collection_name: name, data: [{ vector: vector(), n: 3 }] }), 'insert');
  const ids = [...first.IDs.int_id.data, ...second.IDs.int_id.data];
  assert.equal(new Set(ids).size, 3);
  assert.ok(BigInt(ids[0]) < BigInt(ids[1]) && BigInt(ids[1]) < BigInt(ids[2]));
  const got = ok(await client.get({ collection_name: name, ids, output_fields: ['n'] }), 'get');
  assert.deepEqual(flat(got).map((r) => Number(r.n)).sort(), [1, 2, 3]);
  assertNoRetries();
});

test('dynamic fields keep their types and nest', async () => {
  const name = collection('dynamic');
  ok(await client.createCollection({ collection_name: name, dimension: dim, metric_type: 'L2', consistency_level: 'Strong' }), 'create');
  const row = { id: 1, vector: vector(), text: 'naïve — 東京', flag: true, ratio: 0.5, list: [1, 2], nested: { deep: { er: 'x' } } };
  ok(await client.insert({ collection_name: name, data: [row, { id: 2, vector: vector() }] }), 'insert');
  const all = ok(await client.query({ collection_name: name, filter: 'flag == true', output_fields: ['id', 'text', 'flag', 'ratio', 'list', 'nested'], limit: 10 }), 'query');
  assert.equal(all.data.length, 1);
  const { text, flag, ratio, list, nested } = flat(all)[0];
  assert.deepEqual({ text, flag, ratio, list, nested }, { text: row.text, flag: true, ratio: 0.5, list: [1, 2], nested: row.nested });
  const deep = ok(await client.query({ collection_name: name, filter: 'nested["deep"]["er"] == "x"', output_fields: ['id'], limit: 10 }), 'path');
  assert.deepEqual(deep.data.map((r) => Number(r.id)), [1]);
  assertNoRetries();
});

test('a Strong read always sees the write before it, two hundred times', async () => {
  const name = collection('strong');
  ok(await client.createCollection({ collection_name: name, dimension: dim, metric_type: 'L2', consistency_level: 'Strong' }), 'create');
  for (let id = 0; id < 200; id++) {
    const row = { id, vector: vector() };
    ok(await client.insert({ collection_name: name, data: [row] }), 'insert');
    const found = ok(await client.search({ collection_name: name, data: row.vector, limit: 1, output_fields: ['id'] }), 'search');
    assert.equal(Number(found.results[0]?.id), id);
  }
  assert.equal(Number((await client.count({ collection_name: name })).data), 200);
  assertNoRetries();
});

test('a message of more than 4 MB goes both ways', async () => {
  const name = collection('large');
  ok(await client.createCollection({ collection_name: name, dimension: 768, metric_type: 'IP', consistency_level: 'Strong' }), 'create');
  const data = Array.from({ length: 2500 }, (_, id) => ({ id, vector: Array.from({ length: 768 }, () => Math.fround(next())) }));
  ok(await client.insert({ collection_name: name, data }), 'insert');
  const all = ok(await client.query({ collection_name: name, filter: 'id >= 0', output_fields: ['id', 'vector'], limit: 2500 }), 'query');
  assert.equal(all.data.length, 2500);
  const row = all.data.find((r) => Number(r.id) === 1234);
  row.vector.forEach((x, i) => close(x, data[1234].vector[i], 'vector'));
  assertNoRetries();
});
