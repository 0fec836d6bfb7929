// The endpoints of askcli that are measured, as a careful Express server on PostgreSQL has them:
// indexes, an owner check in each query, the session checked at each request, a pool of
// connections, prepared statements, keep-alive to the provider, and no logging.
"use strict";
const crypto = require("node:crypto");
const http = require("node:http");
const { promisify } = require("node:util");
const express = require("express");
const jwt = require("jsonwebtoken");
const { Pool } = require("pg");

const { DATABASE, JWT_SECRET, PROVIDER, PORT } = process.env;
const pool = new Pool({ connectionString: DATABASE, max: 10 });
const provider = new URL("/v1/messages", PROVIDER);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });
const scrypt = promisify(crypto.scrypt);

const SCHEMA = `
CREATE TABLE IF NOT EXISTS users (id uuid PRIMARY KEY, name text NOT NULL,
  email text NOT NULL UNIQUE, password_hash text NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, ended_at timestamptz);
CREATE TABLE IF NOT EXISTS questions (id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, conversation_id uuid NOT NULL,
  question text NOT NULL, answer text NOT NULL, status text NOT NULL, stop_reason text, error text,
  model text NOT NULL, input_tokens int, output_tokens int, cost_usd float8,
  created_at timestamptz NOT NULL, answered_at timestamptz);
CREATE INDEX IF NOT EXISTS questions_user_id_id ON questions (user_id, id);`;

const COLUMNS = `id, user_id, conversation_id, question, answer, status, stop_reason, error, model,
  input_tokens, output_tokens, cost_usd, created_at, answered_at`;
const query = async (name, text, values) => (await pool.query({ name, text, values })).rows;

// UUIDv7: the order of ids is the order in time.
function newId() {
  const bytes = crypto.randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

async function authenticate(request, response, next) {
  const token = request.get("x-access-token") || (request.get("authorization") || "").slice(7);
  let claims;
  try {
    claims = jwt.verify(token, JWT_SECRET, { algorithms: ["HS256"], issuer: "bench" });
  } catch {
    return response.status(401).json({ code: "invalid_token" });
  }
  const [session] = await query(
    "session",
    "SELECT user_id FROM sessions WHERE id = $1 AND ended_at IS NULL",
    [claims.sid],
  );
  if (!session || session.user_id !== claims.sub) {
    return response.status(401).json({ code: "session_ended" });
  }
  request.userId = session.user_id;
  return next();
}

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.json({ limit: "1mb" }));

app.get("/readyz", async (_, response) => response.json(await query("ready", "SELECT 1", [])));

app.post("/api/users", async (request, response) => {
  const { name, email, password } = request.body;
  const salt = crypto.randomBytes(16);
  const hash = await scrypt(password, salt, 32);
  const user = { id: newId(), name, email, created_at: new Date() };
  await query("user", "INSERT INTO users VALUES ($1, $2, $3, $4, $5)", [
    user.id, name, email, `${salt.toString("hex")}:${hash.toString("hex")}`, user.created_at,
  ]);
  response.status(201).json(user);
});

app.post("/api/auth/login", async (request, response) => {
  const { email, password } = request.body;
  const [user] = await query("login", "SELECT * FROM users WHERE email = $1", [email]);
  const [salt, hash] = (user ? user.password_hash : "00:00").split(":");
  const derived = await scrypt(password, Buffer.from(salt, "hex"), 32);
  if (!user || !crypto.timingSafeEqual(derived, Buffer.from(hash, "hex"))) {
    return response.status(401).json({ code: "invalid_credentials" });
  }
  const sid = newId();
  await query("new_session", "INSERT INTO sessions VALUES ($1, $2)", [sid, user.id]);
  const access_token = jwt.sign({ sub: user.id, sid }, JWT_SECRET, {
    algorithm: "HS256", issuer: "bench", expiresIn: 3600,
  });
  return response.json({ access_token, token_type: "Bearer", user: { id: user.id } });
});

app.get("/api/questions/:id", authenticate, async (request, response) => {
  const [question] = await query(
    "read",
    `SELECT ${COLUMNS} FROM questions WHERE id = $1 AND user_id = $2`,
    [request.params.id, request.userId],
  );
  return question ? response.json(question) : response.status(404).json({ code: "not_found" });
});

app.get("/api/users/me/questions", authenticate, async (request, response) => {
  const limit = Math.min(100, Number(request.query.limit) || 20);
  const before = request.query.cursor || "ffffffff-ffff-ffff-ffff-ffffffffffff";
  const items = await query(
    "list",
    `SELECT ${COLUMNS} FROM questions WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
    [request.userId, before, limit + 1],
  );
  const next_cursor = items.length > limit ? items[limit - 1].id : null;
  response.json({ items: items.slice(0, limit), next_cursor });
});

// Calls the provider and calls onText for each piece of the answer.
function generate(question, onText) {
  const body = JSON.stringify({
    model: question.model, max_tokens: 4096, stream: true,
    messages: [{ role: "user", content: question.question }],
  });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const upstream = http.request(provider, { method: "POST", agent, headers }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        reject(new Error(`the provider answered ${response.statusCode}`));
        return;
      }
      let rest = "";
      const usage = {};
      response.setEncoding("utf8");
      response.on("data", (data) => {
        const events = (rest + data).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const parsed = JSON.parse(event.slice(event.indexOf("data: ") + 6));
          if (parsed.type === "content_block_delta") onText(parsed.delta.text);
          else if (parsed.type === "message_start") Object.assign(usage, parsed.message.usage);
          else if (parsed.type === "message_delta") {
            Object.assign(usage, parsed.usage, { stop_reason: parsed.delta.stop_reason });
          }
        }
      });
      response.on("end", () => resolve(usage));
      response.on("error", reject);
    });
    upstream.on("error", reject);
    upstream.end(body);
  });
}

app.post("/api/questions", authenticate, async (request, response) => {
  const question = {
    id: newId(), user_id: request.userId, conversation_id: newId(),
    question: request.body.question, answer: "", status: "answering", stop_reason: null,
    error: null, model: "claude-sonnet-4-5", input_tokens: null, output_tokens: null,
    cost_usd: null, created_at: new Date(), answered_at: null,
  };
  await query(
    "ask",
    `INSERT INTO questions (${COLUMNS}) VALUES
      ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    Object.values(question),
  );
  const isStream = (request.get("accept") || "").includes("text/event-stream");
  const send = (event, data) =>
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  if (isStream) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    send("question", question);
  }
  const pieces = [];
  try {
    const usage = await generate(question, (text) => {
      pieces.push(text);
      if (isStream) send("delta", { text });
    });
    Object.assign(question, {
      status: "answered", stop_reason: usage.stop_reason,
      input_tokens: usage.input_tokens, output_tokens: usage.output_tokens,
    });
  } catch {
    Object.assign(question, { status: "failed", error: "provider_failed" });
  }
  Object.assign(question, { answer: pieces.join(""), answered_at: new Date() });
  await query(
    "answer",
    `UPDATE questions SET answer = $2, status = $3, stop_reason = $4, input_tokens = $5,
      output_tokens = $6, answered_at = $7, error = $8 WHERE id = $1`,
    [question.id, question.answer, question.status, question.stop_reason, question.input_tokens,
      question.output_tokens, question.answered_at, question.error],
  );
  if (!isStream) return response.status(question.error ? 502 : 201).json(question);
  send(question.error ? "error" : "done", question);
  return response.end();
});

pool.query(SCHEMA).then(() => app.listen(Number(PORT), "127.0.0.1", 4096));
