CREATE TABLE "conversations" (
   "id" TEXT PRIMARY KEY,
   "name" TEXT,
   "model" TEXT
);
CREATE TABLE "fragments" (
   "id" INTEGER PRIMARY KEY,
   "hash" TEXT,
   "content" TEXT,
   "datetime_utc" TEXT,
   "source" TEXT
);
INSERT INTO "fragments" VALUES(1,'835d6cf6c9f0682fe9752e5543b91496d9ecba7f156d5ab6f5fed61fcd8879e0','the file
','2025-11-26 18:50:27','/home/ada/file');
CREATE TABLE "messages" (
   "hash" TEXT PRIMARY KEY,
   "parent_hash" TEXT REFERENCES "messages"("hash"),
   "role" TEXT,
   "provider_metadata" TEXT
);
INSERT INTO "messages" VALUES('b2:32cb3af67079be8aeafd8b05763f32c1',NULL,'system',NULL);
INSERT INTO "messages" VALUES('b2:3c98f8e53f2ea873246a7333f52e2c92','b2:32cb3af67079be8aeafd8b05763f32c1','user',NULL);
INSERT INTO "messages" VALUES('b2:38bad48620a341cc926692967b49e93d','b2:3c98f8e53f2ea873246a7333f52e2c92','assistant',NULL);
INSERT INTO "messages" VALUES('b2:c022a17bd24f2a4625a9b98f68e39323','b2:38bad48620a341cc926692967b49e93d','user',NULL);
INSERT INTO "messages" VALUES('b2:8c392f9b213ada7a04e35236906ae208','b2:c022a17bd24f2a4625a9b98f68e39323','assistant',NULL);
INSERT INTO "messages" VALUES('b2:9aad2b68b7a11a561dd3436ddb0cbaf5',NULL,'user',NULL);
INSERT INTO "messages" VALUES('b2:46a13c2e40dbdae0503cc0c7d0bd80ae','b2:9aad2b68b7a11a561dd3436ddb0cbaf5','assistant',NULL);
CREATE TABLE "part_fragments" (
   "part_id" INTEGER REFERENCES "parts"("id"),
   "fragment_id" INTEGER REFERENCES "fragments"("id"),
   "order" INTEGER,
   PRIMARY KEY ("part_id", "fragment_id", "order")
);
INSERT INTO "part_fragments" VALUES(6,1,0);
CREATE TABLE "parts" (
   "id" INTEGER PRIMARY KEY,
   "message_hash" TEXT REFERENCES "messages"("hash"),
   "position" INTEGER,
   "type" TEXT,
   "tool_name" TEXT,
   "text" TEXT,
   "payload" TEXT
);
INSERT INTO "parts" VALUES(1,'b2:32cb3af67079be8aeafd8b05763f32c1',0,'text',NULL,'be brief',NULL);
INSERT INTO "parts" VALUES(2,'b2:3c98f8e53f2ea873246a7333f52e2c92',0,'text',NULL,'hello there',NULL);
INSERT INTO "parts" VALUES(3,'b2:38bad48620a341cc926692967b49e93d',0,'text',NULL,'{
  "prompt": "hello there",
  "system": "be brief",
  "attachments": [],
  "stream": true,
  "previous": []
}',NULL);
INSERT INTO "parts" VALUES(4,'b2:c022a17bd24f2a4625a9b98f68e39323',0,'text',NULL,'and again',NULL);
INSERT INTO "parts" VALUES(5,'b2:8c392f9b213ada7a04e35236906ae208',0,'text',NULL,'{
  "prompt": "and again",
  "system": "",
  "attachments": [],
  "stream": true,
  "previous": []
}',NULL);
INSERT INTO "parts" VALUES(6,'b2:9aad2b68b7a11a561dd3436ddb0cbaf5',0,'text',NULL,NULL,'{"text_ref": [{"fragment": 1}, {"literal": "\nwhat is it"}]}');
INSERT INTO "parts" VALUES(7,'b2:46a13c2e40dbdae0503cc0c7d0bd80ae',0,'text',NULL,'{
  "prompt": "the file\n\nwhat is it",
  "system": "",
  "attachments": [],
  "stream": true,
  "previous": []
}',NULL);
CREATE TABLE "prompt_fragments" (
   "response_id" TEXT REFERENCES "responses"("id"),
   "fragment_id" INTEGER REFERENCES "fragments"("id"),
   "order" INTEGER,
   PRIMARY KEY ("response_id", "fragment_id", "order")
);
CREATE TABLE "responses" (
   "id" TEXT PRIMARY KEY,
   "model" TEXT,
   "prompt" TEXT,
   "system" TEXT,
   "prompt_json" TEXT,
   "options_json" TEXT,
   "response" TEXT,
   "response_json" TEXT,
   "conversation_id" TEXT REFERENCES "conversations"("id"),
   "duration_ms" INTEGER,
   "datetime_utc" TEXT,
   "input_tokens" INTEGER,
   "output_tokens" INTEGER,
   "token_details" TEXT,
   "schema_id" TEXT REFERENCES "schemas"("id")
, "resolved_model" TEXT, "reasoning" TEXT);
CREATE TABLE "system_fragments" (
   "response_id" TEXT REFERENCES "responses"("id"),
   "fragment_id" INTEGER REFERENCES "fragments"("id"),
   "order" INTEGER,
   PRIMARY KEY ("response_id", "fragment_id", "order")
);
CREATE TABLE "threads" (
   "id" TEXT PRIMARY KEY,
   "name" TEXT,
   "tip_message_hash" TEXT REFERENCES "messages"("hash"),
   "forked_from" TEXT REFERENCES "threads"("id"),
   "datetime_utc" TEXT
);
INSERT INTO "threads" VALUES('01m8ck3kqd347107j9pykzzk6q','hello there','b2:8c392f9b213ada7a04e35236906ae208',NULL,'2025-11-26 18:50:24.368417+00:00');
INSERT INTO "threads" VALUES('01m8ck3pxs2sd77he682mqvy10','the file what is it','b2:46a13c2e40dbdae0503cc0c7d0bd80ae',NULL,'2025-11-26 18:50:27.644818+00:00');
CREATE TABLE "turns" (
   "id" TEXT PRIMARY KEY,
   "thread_id" TEXT REFERENCES "threads"("id"),
   "parent_message_hash" TEXT REFERENCES "messages"("hash"),
   "tip_message_hash" TEXT REFERENCES "messages"("hash"),
   "model" TEXT,
   "resolved_model" TEXT,
   "options_json" TEXT,
   "schema_id" TEXT REFERENCES "schemas"("id"),
   "input_tokens" INTEGER,
   "output_tokens" INTEGER,
   "token_details" TEXT,
   "duration_ms" INTEGER,
   "datetime_utc" TEXT
, "response_json" TEXT);
INSERT INTO "turns" VALUES('01m8ck3kqf7msnr00df6svt1pf','01m8ck3kqd347107j9pykzzk6q','b2:3c98f8e53f2ea873246a7333f52e2c92','b2:38bad48620a341cc926692967b49e93d','echo',NULL,NULL,NULL,4,14,NULL,0,'2025-11-26T18:50:24.367521+00:00',NULL);
INSERT INTO "turns" VALUES('01m8ck3nq6007yj7173b6jakfc','01m8ck3kqd347107j9pykzzk6q','b2:c022a17bd24f2a4625a9b98f68e39323','b2:8c392f9b213ada7a04e35236906ae208','echo',NULL,NULL,NULL,2,13,NULL,0,'2025-11-26T18:50:26.406397+00:00',NULL);
INSERT INTO "turns" VALUES('01m8ck3pxvg8yn38xggagwz6dk','01m8ck3pxs2sd77he682mqvy10','b2:9aad2b68b7a11a561dd3436ddb0cbaf5','b2:46a13c2e40dbdae0503cc0c7d0bd80ae','echo',NULL,NULL,NULL,5,15,NULL,0,'2025-11-26T18:50:27.643697+00:00',NULL);
