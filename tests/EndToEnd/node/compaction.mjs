// Segments are merged and rid of deleted rows while searches and deletes go on: every answer is the model's, before, during and after.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { assertNoRetries, connect, eventually, ok, random, unique } from './client.mjs';

const dim = 8;
const next = random(20261129);
const vector = () => Array.from({ length: dim }, () => Math.fround(next() * 2 - 1));
const name = unique('compaction');
const model = new Map();
let client;

before(async () => { client = await connect(); });
after(async () => {
  await client.dropCollection({ collection_name: name });
  await client.closeConnection();
});

const distance = (a, b) => a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);

/** Every row by query, the count, and the ten nearest of a random place, at one moment each. */
async function check(what) {
  const rows = ok(await client.query({ collection_name: name, filter: 'id >= 0', output_fields: ['id', 'vector'], limit: 16384 }), `${what}: query`).data;
  assert.deepEqual(rows.map((r) => Number(r.id)).sort((a, b) => a - b), [...model.keys()].sort((a, b) => a - b), `${what}: ids`);
  for (const row of rows) assert.deepEqual(row.vector.map(Math.fround), model.get(Number(row.id)), `${what}: vector of ${row.id}`);
  const count = ok(await client.count({ collection_name: name }), `${what}: count`);
  assert.equal(Number(count.data), model.size, `${what}: count`);
  const query = vector();
  const found = ok(await client.search({ collection_name: name, data: [query], limit: 10 }), `${what}: search`).results;
  const best = [...model].map(([id, v]) => ({ id, score: distance(query, v) })).sort((a, b) => a.score - b.score).slice(0, 10);
  assert.deepEqual(found.map((r) => Number(r.id)), best.map((r) => r.id), `${what}: nearest`);
}

async function remove(ids) {
  ok(await client.delete({ collection_name: name, ids }), 'delete');
  for (const id of ids) model.delete(id);
}

const segments = async () => ok(await client.getPersistentSegmentInfo({ collectionName: name, collection_name: name }), 'segments').infos;

test('segments are written, with deletes before and after', async () => {
  ok(await client.createCollection({ collection_name: name, dimension: dim, metric_type: 'L2', consistency_level: 'Strong' }), 'create');
  for (let batch = 0; batch < 4; batch++) {
    const data = Array.from({ length: 100 }, (_, i) => ({ id: batch * 100 + i, vector: vector() }));
    for (const row of data) model.set(row.id, row.vector);
    ok(await client.insert({ collection_name: name, data }), 'insert');
    if (batch > 0) await remove(Array.from({ length: 20 }, (_, i) => (batch - 1) * 100 + i));
    ok(await client.flushSync({ collection_names: [name] }), 'flush');
  }
  await check('before');
});

test('they become one, without the rows that were deleted long enough ago, while reads and deletes go on', async () => {
  const before = (await segments()).length;
  assert.ok(before >= 4, `${before} segments`);
  let victim = 350;
  let round = 0;
  await eventually('one segment with the live rows alone', async () => {
    const asked = ok(await client.compact({ collection_name: name }), 'compact');
    assert.ok(Number(asked.compactionID) > 0);
    do {
      if (victim < 390) await remove([victim++]);
      await check(`during round ${round}`);
    } while (ok(await client.getCompactionState({ compactionID: asked.compactionID }), 'state').state !== 'Completed');
    const plans = ok(await client.getCompactionStateWithPlans({ compactionID: asked.compactionID }), 'plans');
    for (const plan of plans.mergeInfos) assert.ok(plan.sources.length > 0);
    round++;
    await check(`after round ${round}`);
    if (victim === 390) {
      ok(await client.flushSync({ collection_names: [name] }), 'flush'); // The last deletes are in a file.
      victim++;
    }
    await wait(500);
    const now = await segments();
    return victim > 390 && now.length === 1 && Number(now[0].num_rows) === model.size;
  }, 120_000);
  await check('after');
  assertNoRetries();
});
