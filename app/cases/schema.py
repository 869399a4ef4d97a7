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

_CASES = (
    # Cards are a few KB each and few; each result is shown with the very one it was made with.
    "CREATE TABLE card (sha256 TEXT PRIMARY KEY, text TEXT NOT NULL)",
    """
    CREATE TABLE study_case (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        study_uid TEXT NOT NULL,
        summary TEXT NOT NULL,
        sources TEXT NOT NULL,
        study BLOB NOT NULL,
        state TEXT NOT NULL,
        problem TEXT NOT NULL DEFAULT '',
        added TEXT NOT NULL,
        removed TEXT
    )
    """,
    "CREATE INDEX case_of_study ON study_case (study_uid)",
    """
    CREATE TABLE result (
        case_number INTEGER PRIMARY KEY REFERENCES study_case ON DELETE CASCADE,
        call TEXT NOT NULL,
        level TEXT NOT NULL,
        model TEXT NOT NULL,
        card TEXT NOT NULL REFERENCES card,
        analysed TEXT NOT NULL,
        contents TEXT NOT NULL,
        record BLOB NOT NULL,
        maps BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE dropped (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        paths TEXT NOT NULL,
        time TEXT NOT NULL
    )
    """,
)

_TRIES = (
    "ALTER TABLE study_case ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE dropped ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
)

# What the list holds a reader's calls against, without the result being read back for it.
_ANSWERS = ("ALTER TABLE result ADD COLUMN answers TEXT NOT NULL DEFAULT '{}'",)

MIGRATIONS: tuple[tuple[str, ...], ...] = ((*_TRAIL, *_ANNOTATIONS), _CASES, _TRIES, _ANSWERS)
"""Each step is applied once, in order. Only ever append: files of every version are out there."""
