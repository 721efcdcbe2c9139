// One SDK client and one raw gRPC stub for every suite. The SDK retries and hides what went wrong, so each of its
// retries is counted here (its debug log is the only place that tells) and a suite ends by asserting that there were none.
import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';
import assert from 'node:assert/strict';
import grpc from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';

const require = createRequire(import.meta.url);
const protocol = require('@zilliz/milvus2-sdk-node/dist/milvus/proto-json/milvus').default;

export const address = process.env.MINIMILVUS_ADDRESS ?? '127.0.0.1:19530';

let retries = [];
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (chunk, ...rest) => {
  const text = String(chunk);
  if (!text.includes('Milvus-sdk-node')) return write(chunk, ...rest);
  if (text.includes('[Retry Attempt') || text.includes('[Failed after retries')) retries.push(text.trim());
  if (process.env.MINIMILVUS_SDK_LOG) process.stderr.write(chunk);
  return true;
};

export async function connect() {
  const client = new MilvusClient({ address, ssl: false, logLevel: 'debug', timeout: 120_000, telemetry: { enabled: false } });
  await client.connectPromise;
  return client;
}

export function assertNoRetries() {
  const seen = retries;
  retries = [];
  assert.deepEqual(seen, [], 'the SDK retried behind our back');
}

/** Status of the SDK's answer, whether it stands alone or inside. */
export function ok(answer, what) {
  const status = answer.status ?? answer;
  assert.equal(status.error_code, 'Success', `${what}: ${status.error_code} ${status.reason}`);
  assert.equal(Number(status.code ?? 0), 0, `${what}: code ${status.code} ${status.reason}`);
  return answer;
}

/** A call without the SDK: what goes on the wire is what is written here. */
export function raw() {
  const packages = grpc.loadPackageDefinition(fromJSON(protocol, { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true }));
  const stub = new packages.milvus.proto.milvus.MilvusService(address, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  return {
    call: (name, request) => new Promise((resolve, reject) =>
      stub[name](request, { deadline: Date.now() + 30_000 }, (error, answer) => (error ? reject(error) : resolve(answer)))),
    state: () => stub.getChannel().getConnectivityState(false),
    close: () => stub.close(),
  };
}

export const unique = (name) => `${name}_${process.pid}_${Date.now().toString(36)}`;

/** Numbers that are the same in every run. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export async function eventually(what, condition, milliseconds = 20_000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `${what}: not within ${milliseconds} ms`);
    await wait(50);
  }
}
