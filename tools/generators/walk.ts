// Registers, logs in, asks, follows and lists with each generated TypeScript client; a wrong type is an
// error of the compiler, a wrong value one of this program.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import * as hey from "./generated/hey-api";
import { client as heyClient } from "./generated/hey-api/client.gen";
import * as orval from "./generated/orval";
import type { paths } from "./generated/schema";

const baseUrl = process.env.ASKCLI!;
const password = "engine of analysis";
const question = "Why is the sky blue?";

async function openapiTypescript() {
  const client = createClient<paths>({ baseUrl });
  const body = { name: "Ada", email: "ada@openapi-typescript.example", password };
  assert.equal((await client.POST("/api/users", { body })).response.status, 201);
  const wrong = { email: body.email, password: "wrong" };
  const refused = await client.POST("/api/auth/login", { body: wrong });
  assert.equal(refused.error?.code, "invalid_credentials");
  const login = await client.POST("/api/auth/login", { body: { email: body.email, password } });
  client.use({
    onRequest: ({ request }) => request.headers.set("x-access-token", login.data!.access_token),
  });
  const asked = await client.POST("/api/questions", { body: { question } });
  assert.equal(asked.data!.status, "answered");
  const events = await client.GET("/api/questions/{question_id}/events", {
    params: { path: { question_id: asked.data!.id } },
    parseAs: "text",
  });
  assert.match(String(events.data), /event: done/);
  const page = await client.GET("/api/users/{user_id}/questions", {
    params: { path: { user_id: "me" } },
  });
  assert.deepEqual(page.data!.items.map((item) => item.id), [asked.data!.id]);
}

async function heyApi() {
  heyClient.setConfig({ baseUrl });
  const body = { name: "Ada", email: "ada@hey-api.example", password };
  assert.equal((await hey.registerUser({ body })).response?.status, 201);
  const refused = await hey.logIn({ body: { email: body.email, password: "wrong" } });
  assert.equal(refused.error?.code, "invalid_credentials");
  const login = await hey.logIn({ body: { email: body.email, password } });
  heyClient.setConfig({ baseUrl, auth: () => login.data!.access_token });
  const asked = await hey.askQuestion({ body: { question } });
  assert.equal(asked.data!.status, "answered");
  const { stream } = await hey.followAnswer({ path: { question_id: asked.data!.id } });
  let last: unknown;
  for await (const event of stream) last = event;
  assert.equal((last as hey.Question).answer, asked.data!.answer);
  const page = await hey.listQuestions({ path: { user_id: "me" } });
  assert.deepEqual(page.data!.items.map((item) => item.id), [asked.data!.id]);
}

async function orvalClient() {
  const body = { name: "Ada", email: "ada@orval.example", password };
  assert.equal((await orval.registerUser(body)).status, 201);
  const refused = await orval.logIn({ email: body.email, password: "wrong" });
  assert(refused.status === 401);
  assert.equal(refused.data.code, "invalid_credentials");
  const login = await orval.logIn({ email: body.email, password });
  assert(login.status === 200);
  const headers = { "x-access-token": login.data.access_token };
  const asked = await orval.askQuestion({ question }, { headers });
  assert(asked.status === 201);
  const { id, status } = asked.data;
  assert.equal(status, "answered");
  const events = await orval.followAnswer(id, { headers });
  assert.match(String(events.data), /event: done/);
  const page = await orval.listQuestions("me", {}, { headers });
  assert(page.status === 200);
  assert.deepEqual(page.data.items.map((item) => item.id), [id]);
}

async function main() {
  for (const walk of [openapiTypescript, heyApi, orvalClient]) {
    await walk();
    console.log(`${walk.name}: walked`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
