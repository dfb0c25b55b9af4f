// The official Node client against the server at ENDPOINT: append, read, subscribe, persistent subscriptions.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import {
  ANY, BACKWARDS, END, EventStoreDBClient, NO_STREAM, PARK, START, StreamDeletedError, StreamNotFoundError,
  WrongExpectedVersionError, eventTypeFilter, jsonEvent, persistentSubscriptionToStreamSettingsFromDefaults,
} from "@eventstore/db-client";

const client = EventStoreDBClient.connectionString(`esdb://${process.env.ENDPOINT}?tls=false`);
after(() => client.dispose());

const stream = () => `node-${randomUUID()}`;
const counted = (n) => jsonEvent({ type: "Counted", data: { n } });
const many = (n) => Array.from({ length: n }, (_, i) => counted(i));

async function collect(read) {
  const out = [];
  for await (const e of read) out.push(e);
  return out;
}

for (const [how, options] of [["batch append", {}], ["append", { credentials: { username: "a", password: "b" } }]]) {
  test(`${how}: events are read as they were written`, async () => {
    const name = stream();
    const res = await client.appendToStream(name, many(10), { expectedRevision: NO_STREAM, ...options });
    assert.equal(res.success, true);
    assert.equal(res.nextExpectedRevision, 9n);
    const events = await collect(client.readStream(name, { fromRevision: START }));
    assert.deepEqual(events.map(({ event }) => event.data.n), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(events[9].event.position.commit, res.position.commit);
    const back = await collect(client.readStream(name, { fromRevision: END, direction: BACKWARDS, maxCount: 2 }));
    assert.deepEqual(back.map(({ event }) => event.data.n), [9, 8]);
  });

  test(`${how}: a wrong expected revision is a typed error`, async () => {
    const name = stream();
    await client.appendToStream(name, many(2), options);
    await assert.rejects(client.appendToStream(name, many(1), { expectedRevision: 7n, ...options }), (err) => {
      assert.ok(err instanceof WrongExpectedVersionError);
      assert.equal(err.actualVersion, 1n);
      return true;
    });
  });

  test(`${how}: a repeated append is recognised`, async () => {
    const name = stream();
    const events = many(3);
    const first = await client.appendToStream(name, events, { expectedRevision: ANY, ...options });
    const again = await client.appendToStream(name, events, { expectedRevision: ANY, ...options });
    assert.equal(again.nextExpectedRevision, first.nextExpectedRevision);
    assert.equal((await collect(client.readStream(name))).length, 3);
  });

  test(`${how}: concurrent appends keep their order`, async () => {
    const name = stream();
    await Promise.all(many(200).map((e) => client.appendToStream(name, e, options)));
    const events = await collect(client.readStream(name));
    assert.deepEqual(events.map(({ event }) => Number(event.revision)), events.map((_, i) => i));
    assert.equal(events.length, 200);
  });
}

test("missing and tombstoned streams are typed errors", async () => {
  await assert.rejects(collect(client.readStream(stream())), StreamNotFoundError);
  const name = stream();
  await client.appendToStream(name, many(1));
  await client.tombstoneStream(name);
  await assert.rejects(collect(client.readStream(name)), StreamDeletedError);
});

test("metadata truncates, deletion hides, an append brings back", async () => {
  const name = stream();
  await client.appendToStream(name, many(5));
  await client.setStreamMetadata(name, { maxCount: 2 });
  assert.equal((await collect(client.readStream(name))).length, 2);
  assert.equal((await client.getStreamMetadata(name)).metadata.maxCount, 2);
  await client.deleteStream(name);
  await assert.rejects(collect(client.readStream(name)), StreamNotFoundError);
  await client.appendToStream(name, many(1));
  const left = await collect(client.readStream(name));
  assert.deepEqual(left.map(({ event }) => event.revision), [5n]);
});

test("a subscription goes from history to live", async () => {
  const name = stream();
  await client.appendToStream(name, many(20));
  const sub = client.subscribeToStream(name, { fromRevision: START });
  const seen = [];
  for await (const { event } of sub) {
    seen.push(event.revision);
    if (seen.length === 20) await client.appendToStream(name, many(3));
    if (seen.length === 23) break;
  }
  assert.deepEqual(seen, seen.map((_, i) => BigInt(i)));
});

test("a filtered subscription to $all gets checkpoints", async () => {
  const name = stream();
  const type = `Rare${randomUUID()}`;
  let checkpoints = 0;
  await client.appendToStream(name, many(384));
  await client.appendToStream(name, jsonEvent({ type, data: {} }));
  const sub = client.subscribeToAll({
    fromPosition: START,
    filter: eventTypeFilter({
      prefixes: [type], maxSearchWindow: 1, checkpointInterval: 64, checkpointReached: async () => { checkpoints++; },
    }),
  });
  for await (const { event } of sub) {
    assert.equal(event.type, type);
    break;
  }
  assert.ok(checkpoints >= 6, `${checkpoints} checkpoints`);
});

test("a persistent subscription delivers, retries, parks and replays", async () => {
  const name = stream();
  const group = randomUUID();
  await client.createPersistentSubscriptionToStream(name, group,
    persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START }));
  await client.appendToStream(name, many(3));
  const sub = client.subscribeToPersistentSubscriptionToStream(name, group, { bufferSize: 1 });
  const seen = [];
  for await (const resolved of sub) {
    const { event, retryCount } = resolved;
    seen.push([event.data.n, retryCount]);
    if (event.data.n === 1 && retryCount === 0) await sub.nack("retry", "once more", resolved);
    else if (event.data.n === 2 && !resolved.link) {
      await sub.nack(PARK, "bad", resolved);
      await new Promise((ok) => setTimeout(ok, 50));
      await client.replayParkedMessagesToStream(name, group);
    } else await sub.ack(resolved);
    if (resolved.link) break;
  }
  assert.deepEqual(seen, [[0, 0], [1, 0], [1, 1], [2, 0], [2, 0]]);
  const info = await client.getPersistentSubscriptionToStreamInfo(name, group);
  assert.equal(info.settings.startFrom, START);
  assert.ok((await client.listAllPersistentSubscriptions()).length >= 1);
  await client.deletePersistentSubscriptionToStream(name, group);
});
