-- The queue of a platform in one process. Only SQLite has it: with Postgres the queue is SQS.

CREATE TABLE queue_messages (
    -- Grows and is never used again, so that a receipt never fits a later message.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL,
    -- `live`, or `dead` after too many deliveries.
    state TEXT NOT NULL DEFAULT 'live',
    attempts INTEGER NOT NULL DEFAULT 0,
    -- When it can be received (again); when it died, of a dead one.
    visible_at INTEGER NOT NULL,
    -- Why a dead one was set aside, if somebody said.
    reason TEXT,
    -- Where in a trace it was sent, as W3C's `traceparent`.
    trace TEXT
) STRICT;
CREATE INDEX queue_messages_by_turn ON queue_messages (state, visible_at, id);
