"""All metrics: what they count, and by which labels."""

from __future__ import annotations

from askcli.metrics.instruments import Counter, Gauge, Histogram, Metric

_FAST = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)

BUILD = Gauge(
    "askcli_build_info",
    "1, with the server's version, its Python, its database and what answers.",
    ("version", "python", "database", "answerer"),
    multiprocess_mode="livemax",
)

# Requests.
REQUESTS = Histogram(
    "askcli_http_request_duration_seconds",
    "Seconds from a request to the beginning of its response.",
    ("route", "method", "status"),
    buckets=_FAST,
)
PROBLEMS = Counter(
    "askcli_problems_total", "Errors that requests and streams got, by their code.", ("code",)
)
LIMITS = Counter(
    "askcli_limits_hit_total", "Requests refused for a limit or a quota, by its name.", ("limit",)
)
STREAMS = Gauge("askcli_streams_open", "Event streams that are open.")
TASKS = Gauge("askcli_tasks", "Tasks on the event loop.")
LISTENING = Gauge(
    "askcli_listening",
    "Whether PostgreSQL's notifications arrive here; 0 where this process polls.",
    multiprocess_mode="livemin",
)

# Answers.
RUNNING = Gauge(
    "askcli_answers_running",
    "Answers that this server is making or that wait for their turn.",
)
WAITING = Gauge("askcli_answers_waiting", "Answers that wait for their turn at the model.")
SLOTS = Gauge("askcli_answers_slots", "Answers that may be made at the same time.")
PLACES = Gauge("askcli_answers_places", "Answers that may wait for their turn.")
ENDS = ("answered", "interrupted", "cancelled", "failed", "deleted")
ENDED = Counter(
    "askcli_answers_ended_total", "Answers that have ended.", ("end",), [(end,) for end in ENDS]
)
ORPHANS = Counter("askcli_orphans_total", "Answers whose process had died, found by this server.")
QUEUED = Histogram("askcli_answer_queue_seconds", "Seconds until the turn.", buckets=_SLOW)
FIRST_TEXT = Histogram(
    "askcli_answer_first_token_seconds", "Seconds from a question to its first text.", buckets=_SLOW
)
ANSWERING = Histogram(
    "askcli_answer_duration_seconds", "Seconds from a question to its end.", ("end",), buckets=_SLOW
)
TOKENS = Counter(
    "askcli_tokens_total",
    "Tokens as the provider reports them: input and output.",
    ("model", "direction"),
)
DOLLARS = Counter("askcli_cost_dollars_total", "US dollars by list prices.", ("model",))

# The provider.
CALLS = Counter("askcli_upstream_calls_total", "Tries at the model.")
RETRIES = Counter("askcli_upstream_retries_total", "Tries after one that has failed.")
KINDS = (
    "unreachable",  # no response: no connection, or none that took the request
    # A response's status, or the one that an error event stands for:
    "key_refused",  # 401 or 403
    "rate_limited",  # 429
    "overloaded",  # 529
    "rejected",  # another one below 500
    "failed",  # another one from 500 on
    "unreadable",  # a response that is no answer
    "timeout",
    "broken_off",
)
FAILURES = Counter(
    "askcli_upstream_errors_total",
    "Tries that have failed, by what was wrong.",
    ("kind",),
    [(kind,) for kind in KINDS],
)

# The database.
UNITS = Histogram(
    "askcli_database_unit_seconds",
    "Seconds of units of work, their waiting included.",
    ("kind",),
    [("read",), ("write",), ("long",)],
    buckets=_FAST,
)
DATABASE_ERRORS = Counter(
    "askcli_database_errors_total", "Units of work that the database has not taken in time."
)
UNITS_WAITING = Gauge("askcli_database_units_waiting", "Units that wait for a thread.", ("pool",))
THREADS_BUSY = Gauge("askcli_database_threads_busy", "Threads that work, by pool.", ("pool",))
THREADS = Gauge("askcli_database_threads", "Threads that may work, by pool.", ("pool",))

ALL = [value for value in (*globals().values(),) if isinstance(value, Metric)]
