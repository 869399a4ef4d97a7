"""How the file of cases is laid out. `PRAGMA user_version` counts the steps."""

_TRAIL = (
    """
    CREATE TABLE trail (
        number INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        reader TEXT NOT NULL,
        study_uid TEXT NOT NULL,
        subject TEXT NOT NULL,
        before TEXT,
        after TEXT,
        machine TEXT,
        blind INTEGER NOT NULL,
        note TEXT NOT NULL,
        model TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash TEXT NOT NULL
    )
    """,
    "CREATE INDEX trail_of_study ON trail (study_uid, subject, number)",
    """
    CREATE TRIGGER trail_is_not_changed BEFORE UPDATE ON trail
    BEGIN SELECT RAISE(ABORT, 'the trail is never changed'); END
    """,
    """
    CREATE TRIGGER trail_is_not_shortened BEFORE DELETE ON trail
    BEGIN SELECT RAISE(ABORT, 'the trail is never shortened'); END
    """,
)

_ANNOTATIONS = (
    """
    CREATE TABLE annotation (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        study_uid TEXT NOT NULL,
        subject TEXT NOT NULL,
        kind TEXT NOT NULL,
        points TEXT NOT NULL,
        created TEXT NOT NULL,
        removed TEXT
    )
    """,
    "CREATE INDEX annotation_of_study ON annotation (study_uid, subject)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = ((*_TRAIL, *_ANNOTATIONS),)
"""Each step is applied once, in order. Only ever append: files of every version are out there."""
