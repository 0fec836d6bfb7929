CREATE TABLE "conversations" (
   "id" TEXT PRIMARY KEY,
   "name" TEXT,
   "model" TEXT
);
INSERT INTO "conversations" VALUES('01m8ck44t1x6nr47j7d6ykf1wh','hello there','echo');
INSERT INTO "conversations" VALUES('01m8ck47mqn34wb1m6nd7vwwqt','the file what is it','echo');
CREATE TABLE "fragments" (
   "id" INTEGER PRIMARY KEY,
   "hash" TEXT,
   "content" TEXT,
   "datetime_utc" TEXT,
   "source" TEXT
);
INSERT INTO "fragments" VALUES(1,'835d6cf6c9f0682fe9752e5543b91496d9ecba7f156d5ab6f5fed61fcd8879e0','the file
','2025-11-26 18:50:44','/home/ada/file');
CREATE TABLE "prompt_fragments" (
   "response_id" TEXT REFERENCES "responses"("id"),
   "fragment_id" INTEGER REFERENCES "fragments"("id"),
   "order" INTEGER,
   PRIMARY KEY ("response_id", "fragment_id", "order")
);
INSERT INTO "prompt_fragments" VALUES('01m8ck47mqn34wb1m6nd7vwwqs',1,0);
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
, "resolved_model" TEXT);
INSERT INTO "responses" VALUES('01m8ck44sysqaxg1gsv91qb19n','echo','hello there','be brief',NULL,'{}','{
  "prompt": "hello there",
  "system": "be brief",
  "attachments": [],
  "stream": true,
  "previous": []
}',NULL,'01m8ck44t1x6nr47j7d6ykf1wh',0,'2025-11-26T18:50:41.856981+00:00',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "responses" VALUES('01m8ck46kanpdb8xvya9pxe7zh','echo','and again',NULL,NULL,'{}','{
  "prompt": "and again",
  "system": "",
  "attachments": [],
  "stream": true,
  "previous": [
    {
      "prompt": "hello there"
    }
  ]
}',NULL,'01m8ck44t1x6nr47j7d6ykf1wh',0,'2025-11-26T18:50:43.690324+00:00',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "responses" VALUES('01m8ck47mqn34wb1m6nd7vwwqs','echo','what is it',NULL,NULL,'{}','{
  "prompt": "the file\n\nwhat is it",
  "system": "",
  "attachments": [],
  "stream": true,
  "previous": []
}',NULL,'01m8ck47mqn34wb1m6nd7vwwqt',0,'2025-11-26T18:50:44.759724+00:00',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE "system_fragments" (
   "response_id" TEXT REFERENCES "responses"("id"),
   "fragment_id" INTEGER REFERENCES "fragments"("id"),
   "order" INTEGER,
   PRIMARY KEY ("response_id", "fragment_id", "order")
);
