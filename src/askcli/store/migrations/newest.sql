CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE users (
	id CHAR(32) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	email VARCHAR(254) NOT NULL, 
	email_key VARCHAR(254) NOT NULL, 
	password_hash VARCHAR(100) NOT NULL, 
	created_at DATETIME NOT NULL, disabled_at DATETIME, quota_tokens_day BIGINT, quota_tokens_month BIGINT, quota_usd_day FLOAT, quota_usd_month FLOAT, retention_days INTEGER, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_email_key UNIQUE (email_key)
);

CREATE TABLE sessions (
	id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	client VARCHAR(200) NOT NULL, 
	created_at DATETIME NOT NULL, 
	last_used_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	ended_at DATETIME, network VARCHAR(50), used_generation INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (id), 
	CONSTRAINT fk_sessions_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_sessions_user_id ON sessions (user_id);

CREATE TABLE refresh_tokens (
	token_hash VARCHAR(64) NOT NULL, 
	session_id CHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	used_at DATETIME, generation INTEGER DEFAULT '0' NOT NULL, superseded_at DATETIME, 
	CONSTRAINT pk_refresh_tokens PRIMARY KEY (token_hash), 
	CONSTRAINT fk_refresh_tokens_session_id_sessions FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE
);

CREATE TABLE questions (
	id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	conversation_id CHAR(32) NOT NULL, 
	question TEXT NOT NULL, 
	system TEXT, 
	answer TEXT NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	stop_reason VARCHAR(50), 
	error VARCHAR(50), 
	model VARCHAR(200) NOT NULL, 
	input_tokens INTEGER, 
	output_tokens INTEGER, 
	cost_usd FLOAT, 
	created_at DATETIME NOT NULL, 
	answered_at DATETIME, 
	idempotency_key VARCHAR(200), 
	request_hash VARCHAR(64) NOT NULL, max_tokens INTEGER, requested_model VARCHAR(200), run_id CHAR(32), is_queued BOOLEAN DEFAULT 0 NOT NULL, process_id CHAR(32), 
	CONSTRAINT pk_questions PRIMARY KEY (id), 
	CONSTRAINT uq_questions_user_id_idempotency_key UNIQUE (user_id, idempotency_key), 
	CONSTRAINT fk_questions_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_questions_user_id_id ON questions (user_id, id);

CREATE INDEX ix_questions_user_id_conversation_id_id ON questions (user_id, conversation_id, id);

CREATE TABLE api_tokens (
	id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	scopes VARCHAR(100) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	last_used_at DATETIME, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_api_tokens_token_hash UNIQUE (token_hash), 
	CONSTRAINT fk_api_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_api_tokens_user_id ON api_tokens (user_id);

CREATE TABLE invites (
	id CHAR(32) NOT NULL, 
	code_hash VARCHAR(64) NOT NULL, 
	note VARCHAR(200) NOT NULL, 
	uses_left INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_invites PRIMARY KEY (id), 
	CONSTRAINT uq_invites_code_hash UNIQUE (code_hash)
);

CREATE TABLE usage (
	question_id CHAR(32) NOT NULL, 
	user_id CHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	cost_usd FLOAT, 
	settled BOOLEAN NOT NULL, 
	CONSTRAINT pk_usage PRIMARY KEY (question_id), 
	CONSTRAINT fk_usage_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE limits (
	"key" VARCHAR(64) NOT NULL, 
	full_at BIGINT NOT NULL, 
	CONSTRAINT pk_limits PRIMARY KEY ("key")
);

CREATE INDEX ix_limits_full_at ON limits (full_at);

CREATE TABLE audit (
	id CHAR(32) NOT NULL, 
	at DATETIME NOT NULL, 
	event VARCHAR(50) NOT NULL, 
	user_id CHAR(32), 
	session_id CHAR(32), 
	address VARCHAR(50), 
	request_id VARCHAR(64), 
	detail VARCHAR(200), 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);

CREATE INDEX ix_audit_at ON audit (at);

CREATE INDEX ix_audit_user_id_id ON audit (user_id, id);

CREATE TABLE question_index_owners (
        id INTEGER PRIMARY KEY,
        user_id CHAR(32) NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE);

CREATE TABLE question_words (
        id INTEGER PRIMARY KEY,
        question_id CHAR(32) NOT NULL UNIQUE REFERENCES questions (id) ON DELETE CASCADE,
        owner INTEGER NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL);

CREATE VIEW question_terms AS SELECT id,
        owner || '@' || replace(' ' || question, ' ', ' ' || owner || '@') AS question,
        replace(' ' || answer, ' ', ' ' || owner || '@') AS answer
        FROM question_words;

CREATE VIRTUAL TABLE question_index USING fts5 (
        question, answer,
        content='question_terms', content_rowid='id', tokenize="ascii tokenchars '@'");

CREATE TRIGGER question_words_added AFTER INSERT ON question_words BEGIN INSERT INTO question_index (rowid, question, answer)
    SELECT id, question, answer FROM question_terms WHERE id = new.id; END;

CREATE TRIGGER question_words_removed BEFORE DELETE ON question_words BEGIN INSERT INTO question_index (question_index, rowid, question, answer)
    SELECT 'delete', id, question, answer FROM question_terms WHERE id = old.id; END;

CREATE TRIGGER question_words_changing BEFORE UPDATE ON question_words BEGIN INSERT INTO question_index (question_index, rowid, question, answer)
    SELECT 'delete', id, question, answer FROM question_terms WHERE id = old.id; END;

CREATE TRIGGER question_words_changed AFTER UPDATE ON question_words BEGIN INSERT INTO question_index (rowid, question, answer)
    SELECT id, question, answer FROM question_terms WHERE id = new.id; END;

CREATE TABLE question_sizes (
        question_id CHAR(32) PRIMARY KEY REFERENCES questions (id) ON DELETE CASCADE,
        bytes INTEGER NOT NULL) WITHOUT ROWID;

CREATE TRIGGER question_sizes_added AFTER INSERT ON questions
        BEGIN INSERT OR REPLACE INTO question_sizes SELECT id, length(CAST(question AS BLOB))
    + length(CAST(answer AS BLOB)) + length(CAST(coalesce(system, '') AS BLOB)) FROM questions WHERE id = new.id; END;

CREATE TRIGGER question_sizes_changed AFTER UPDATE OF question, answer, system ON questions
        BEGIN INSERT OR REPLACE INTO question_sizes SELECT id, length(CAST(question AS BLOB))
    + length(CAST(answer AS BLOB)) + length(CAST(coalesce(system, '') AS BLOB)) FROM questions WHERE id = new.id; END;

CREATE INDEX ix_usage_unsettled ON usage (question_id) WHERE settled IS 0;

CREATE UNIQUE INDEX ix_refresh_tokens_session_id_generation ON refresh_tokens (session_id, generation);

CREATE TABLE processes (
	id CHAR(32) NOT NULL, 
	heartbeat_at DATETIME NOT NULL, 
	CONSTRAINT pk_processes PRIMARY KEY (id)
);

CREATE TABLE answer_parts (
	question_id CHAR(32) NOT NULL, 
	position INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_answer_parts PRIMARY KEY (question_id, position), 
	CONSTRAINT fk_answer_parts_question_id_questions FOREIGN KEY(question_id) REFERENCES questions (id) ON DELETE CASCADE
)
 WITHOUT ROWID;

CREATE INDEX ix_questions_answering ON questions (process_id) WHERE status = 'answering';

CREATE INDEX ix_usage_spent ON usage (user_id, created_at, input_tokens, output_tokens, cost_usd);

CREATE TABLE conversation_titles (
	user_id CHAR(32) NOT NULL, 
	conversation_id CHAR(32) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_conversation_titles PRIMARY KEY (user_id, conversation_id), 
	CONSTRAINT fk_conversation_titles_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_sessions_ended_at ON sessions (ended_at);

CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);

CREATE INDEX ix_api_tokens_expires_at ON api_tokens (expires_at);

