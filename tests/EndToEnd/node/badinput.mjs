// Bad input: the Milvus code and the legacy error_code, a message that names what was expected and what was found,
// nothing written, and the same connection serves the next call. Raw stubs, because the SDK refuses some of it itself.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { assertNoRetries, connect, ok, raw, unique } from './client.mjs';

const dim = 4;
const name = unique('badinput');
const good = () => [0.25, 0.5, 0.75, 1];
let client;
let stub;
let rows = 0;

const floats = (values, width = dim) => ({ type: 'FloatVector', field_name: 'vector', vectors: { dim: String(width), float_vector: { data: values } } });
const longs = (values, field = 'id') => ({ type: 'Int64', field_name: field, scalars: { long_data: { data: values } } });
const insert = (fields_data, num_rows, more = {}) => stub.call('Insert', { collection_name: name, fields_data, num_rows, ...more });
const query = (expr, more = {}) => stub.call('Query', { collection_name: name, expr, output_fields: ['id'], query_params: [{ key: 'limit', value: '10' }], consistency_level: 'Strong', ...more });
const bytes = (values) => Buffer.from(new Float32Array(values).buffer);

function refused(answer, code, legacy, ...mentions) {
  const status = answer.status ?? answer;
  assert.deepEqual([status.code, status.error_code], [code, legacy], status.reason);
  for (const mention of mentions) assert.match(status.reason, mention instanceof RegExp ? mention : new RegExp(String(mention), 'i'));
}

before(async () => {
  client = await connect();
  stub = raw();
  ok(await client.createCollection({ collection_name: name, dimension: dim, metric_type: 'L2', consistency_level: 'Strong', enable_dynamic_field: true }), 'create');
});
after(async () => {
  await client.dropCollection({ collection_name: name });
  stub.close();
  await client.closeConnection();
});

// Whatever was refused before: nothing was written, and this very connection still works.
afterEach(async () => {
  const counted = await stub.call('Query', { collection_name: name, expr: '', output_fields: ['count(*)'], consistency_level: 'Strong' });
  ok(counted, 'count after bad input');
  assert.equal(Number(counted.fields_data[0].scalars.long_data.data[0]), rows, 'a refused call wrote rows');
  assertNoRetries();
});

test('a good row goes in', async () => {
  const answer = ok(await insert([longs([1]), floats(good())], 1), 'insert');
  assert.equal(answer.insert_cnt, '1');
  rows = 1;
});

test('wrong dimension in an insert', async () => {
  refused(await insert([longs([2]), floats([1, 2, 3], 3)], 1), 1100, 'IllegalArgument', 'vector', '3', '4');
});

test('wrong dimension through the SDK', async () => {
  const answer = await client.insert({ collection_name: name, data: [{ id: 2, vector: [1, 2] }] }).catch((error) => error);
  assert.ok(answer instanceof Error || answer.status.error_code !== 'Success');
});

test('wrong dimension in a search', async () => {
  const answer = await search({ values: [1, 2, 3] });
  refused(answer, 1100, 'IllegalArgument', '3', '4');
});

test('a whole number of vectors is wanted', async () => {
  refused(await insert([longs([2]), floats([1, 2, 3, 4, 5])], 1), 1100, 'IllegalArgument', 'vector');
});

test('unknown collection', async () => {
  refused(await stub.call('Insert', { collection_name: 'nowhere', fields_data: [longs([1])], num_rows: 1 }), 100, 'CollectionNotExists', 'nowhere');
  refused(await stub.call('DescribeCollection', { collection_name: 'nowhere' }), 100, 'CollectionNotExists', 'nowhere');
  refused(await search({ collection: 'nowhere', values: good() }), 100, 'CollectionNotExists', 'nowhere');
  refused(await stub.call('Query', { collection_name: 'nowhere', expr: 'id > 0' }), 100, 'CollectionNotExists', 'nowhere');
  refused(await stub.call('Delete', { collection_name: 'nowhere', expr: 'id in [1]' }), 100, 'CollectionNotExists', 'nowhere');
  refused(await stub.call('LoadCollection', { collection_name: 'nowhere' }), 100, 'CollectionNotExists', 'nowhere');
});

test('unknown field in a filter, an output list, an index and a search', async () => {
  const strict = unique('strict');
  ok(await client.createCollection({
    collection_name: strict,
    fields: [{ name: 'id', data_type: 5, is_primary_key: true }, { name: 'vector', data_type: 101, dim }],
    index_params: [{ field_name: 'vector', index_type: 'HNSW', metric_type: 'L2' }],
  }), 'create');
  ok(await client.loadCollectionSync({ collection_name: strict }), 'load');
  try {
    const filter = await stub.call('Query', { collection_name: strict, expr: 'colour == 1', output_fields: ['id'] });
    failed(filter, 'colour');
    const output = await stub.call('Query', { collection_name: strict, expr: 'id > 0', output_fields: ['colour'] });
    failed(output, 'colour');
    failed(await stub.call('CreateIndex', { collection_name: strict, field_name: 'colour', extra_params: [{ key: 'metric_type', value: 'L2' }] }), 'colour');
    failed(await search({ collection: strict, values: good(), field: 'colour' }), 'colour');
    failed(await stub.call('Insert', { collection_name: strict, fields_data: [longs([1]), floats(good()), longs([1], 'colour')], num_rows: 1 }), 'colour');
  } finally {
    await client.dropCollection({ collection_name: strict });
  }
});

test('a missing field', async () => {
  failed(await insert([longs([2])], 1), 'vector');
  failed(await insert([floats(good())], 1), 'id');
});

test('malformed expressions say where and what was expected', async () => {
  for (const [expr, where] of [['id >', /\b(4|5)\b/], ['id == 1 and', /\b(11|12)\b/], ['id in [1, 2', /\b(11|12)\b/], ['(id == 1', /\b(8|9)\b/], ['id === 1', /\b(5|6)\b/]]) {
    const answer = await query(expr);
    refused(answer, 1100, 'IllegalArgument', /expect/i, where);
    failed(await stub.call('Delete', { collection_name: name, expr }), /expect/i);
    failed(await search({ values: good(), expr }), /expect/i);
  }
});

test('a filter of the wrong type', async () => {
  refused(await query('id == "one"'), 1100, 'IllegalArgument', 'id');
});

test('NaN and infinite vectors', async () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    refused(await insert([longs([2]), floats([0, 1, bad, 2])], 1), 1100, 'IllegalArgument', 'vector', /nan|infin/i);
    refused(await search({ values: [0, bad, 1, 2] }), 1100, 'IllegalArgument', /nan|infin/i);
  }
});

test('one bad row refuses the whole insert', async () => {
  refused(await insert([longs([2, 3]), floats([...good(), 0, 0, NaN, 0])], 2), 1100, 'IllegalArgument', /nan/i);
});

test('columns of different lengths', async () => {
  refused(await insert([longs([2, 3]), floats(good())], 2), 1100, 'IllegalArgument', /vector/, '2', /found/);
  refused(await insert([longs([2]), floats(good())], 2), 1100, 'IllegalArgument', '2', /found/);
});

test('duplicate collection', async () => {
  const described = ok(await stub.call('DescribeCollection', { collection_name: name }), 'describe');
  assert.ok(described.schema.fields.length > 0);
  const answer = await client.createCollection({ collection_name: name, dimension: dim + 1, metric_type: 'IP' }).catch((error) => error);
  assert.ok(answer !== undefined);
  const direct = await client._createCollection({ collection_name: name, fields: [
    { name: 'other', data_type: 5, is_primary_key: true }, { name: 'v', data_type: 101, dim: 3 }] });
  failed(direct, name, /duplicate/i, 'Int64', 'expected', 'found');
  const after = ok(await stub.call('DescribeCollection', { collection_name: name }), 'describe');
  assert.deepEqual(after.schema, described.schema);
});

test('an oversize message', async () => {
  const huge = (values) => ({ collection_name: name, num_rows: 1, fields_data: [longs([2]), floats(new Array(values).fill(0.5))] });
  // Above the transport's limit the message is refused before a byte of it is decoded.
  await assert.rejects(stub.call('Insert', huge(20_000_000)), (error) => error.code === 8 /* RESOURCE_EXHAUSTED */ && /size|larger|exceed|limit/i.test(error.details));
});

test('a row that is too long for its field', async () => {
  const name = unique('long');
  ok(await client.createCollection({
    collection_name: name,
    fields: [{ name: 'key', data_type: 21, is_primary_key: true, max_length: 5 }, { name: 'vector', data_type: 101, dim }],
  }), 'create');
  try {
    const key = { type: 'VarChar', field_name: 'key', scalars: { string_data: { data: ['seven c'] } } };
    failed(await stub.call('Insert', { collection_name: name, fields_data: [key, floats(good())], num_rows: 1 }), 'key', '5', '7');
  } finally {
    await client.dropCollection({ collection_name: name });
  }
});

test('a limit out of bounds', async () => {
  failed(await search({ values: good(), limit: 20_000 }), '16384');
  failed(await search({ values: good(), limit: 0 }), /limit|topk|\b0\b/i);
  failed(await query('id > 0', { query_params: [{ key: 'limit', value: '20000' }] }), '16384');
});

test('a metric that is not the index\'s', async () => {
  failed(await search({ values: good(), metric: 'COSINE' }), 'COSINE', 'L2');
});

test('bad index parameters, in Milvus\'s words', async () => {
  const indexed = unique('indexed');
  ok(await client.createCollection({ collection_name: indexed, fields: [{ name: 'id', data_type: 5, is_primary_key: true }, { name: 'vector', data_type: 101, dim }] }), 'create');
  try {
    const create = (index_type, params, metric_type = 'L2') => client.createIndex({ collection_name: indexed, field_name: 'vector', index_type, metric_type, params });
    refused(await create('FOO'), 1100, 'IllegalArgument', 'invalid index type: FOO');
    refused(await create('HNSW', { M: 2049 }), 1100, 'IllegalArgument', /param 'M' \(2049\) should be in range \[2, 2048\]/);
    refused(await create('HNSW', { efConstruction: -1 }), 1100, 'IllegalArgument', /param 'efConstruction' \(-1\) should be in range \[1, 2147483647\]/);
    refused(await create('HNSW_SQ', { sq_type: 'FP32' }), 1100, 'IllegalArgument', 'invalid scalar quantizer type');
    refused(await create('IVF_FLAT', { nlist: 0 }), 1100, 'IllegalArgument', /param 'nlist' \(0\) should be in range \[1, 65536\]/);
    refused(await create('HNSW', {}, 'HAMMING'), 1100, 'IllegalArgument', 'float vector index does not support metric type: HAMMING');
    const none = await client.describeIndex({ collection_name: indexed });
    assert.equal(none.status.code, 700, none.status.reason);
    ok(await create('HNSW_SQ', { M: 8, efConstruction: 64, sq_type: 'SQ8' }), 'create index');
    const [index] = ok(await client.describeIndex({ collection_name: indexed }), 'describe').index_descriptions;
    assert.deepEqual([index.state, index.total_rows, index.indexed_rows, index.pending_index_rows], ['Finished', '0', '0', '0']);
    ok(await client.loadCollectionSync({ collection_name: indexed }), 'load');
    const asked = (params, limit = 10) => client.search({ collection_name: indexed, data: good(), limit, params }).catch((error) => error);
    for (const [params, words] of [[{ ef: 0 }, /param 'ef' \(0\) should be in range/], [{ ef: 9 }, /ef\(9\) should be larger than k\(10\)/], [{ nprobe: 65537 }, /param 'nprobe' \(65537\)/]]) {
      const answer = await asked(params);
      refused(answer, 1100, 'IllegalArgument', words);
    }
    ok(await asked({ ef: 10 }), 'search');
  } finally {
    await client.dropCollection({ collection_name: indexed });
  }
});

test('a placeholder that is no vector', async () => {
  failed(await stub.call('Search', { collection_name: name, dsl: '', placeholder_group: Buffer.from([0xff, 0xff, 0xff]), dsl_type: 'BoolExprV1', search_params: [{ key: 'topk', value: '1' }] }));
});

test('a partition that is not there', async () => {
  refused(await insert([longs([2]), floats(good())], 1, { partition_name: 'p9' }), 200, 'MetaFailed', 'p9');
});

test('what is not built says so by its name', async () => {
  await assert.rejects(stub.call('ListImportTasks', {}), (error) => error.code === 12 && /ListImportTasks/.test(error.details));
});

function failed(answer, ...mentions) {
  const status = answer.status ?? answer;
  assert.notEqual(status.code, 0, 'code must not be 0');
  assert.notEqual(status.error_code, 'Success', 'the legacy error_code must fail too');
  assert.notEqual(status.code, 65535, `not a clear error: ${status.reason}`);
  for (const mention of mentions) assert.match(status.reason, mention instanceof RegExp ? mention : new RegExp(String(mention), 'i'));
}

function search({ values, collection = name, expr = '', limit = 1, field = 'vector', metric = 'L2' }) {
  const vector = bytes(values);
  const value = Buffer.concat([Buffer.from([0x0a, 0x02, 0x24, 0x30, 0x10, 0x65, 0x1a, vector.length]), vector]);
  return stub.call('Search', {
    collection_name: collection,
    dsl: expr,
    dsl_type: 'BoolExprV1',
    placeholder_group: Buffer.concat([Buffer.from([0x0a, value.length]), value]),
    output_fields: ['id'],
    nq: '1',
    consistency_level: 'Strong',
    search_params: [
      { key: 'anns_field', value: field }, { key: 'topk', value: String(limit) },
      { key: 'metric_type', value: metric }, { key: 'params', value: '{}' }],
  });
}
