"""Board: what ``geartrain top`` shows and what its keys do, without a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from geartrain.cli import questions
from geartrain.cli.output import Row
from geartrain.cli.panes import FUNCTIONS, JOBS, PANES, STATES, WORKERS, Filter, Pane
from geartrain.cli.rates import Rates
from geartrain.errors import GearmanError
from geartrain.sync.admin import Admin

PAGE: Final = 10  # rows that PgUp and PgDn move by

Action = Callable[[], str]  # does something, and says what


class Board:
    """The rows of the servers, and one that is chosen in each pane; what is pressed may ask for a new look."""

    def __init__(self, servers: list[Admin]) -> None:
        self.servers = {admin.server.name: admin for admin in servers}
        self.versions: dict[str, str] = {}  # by server
        self.pane: Pane = FUNCTIONS
        self.filter = Filter()
        self.functions: list[Row] = []
        self.rows: dict[str, list[Row]] = {pane.name: [] for pane in PANES}
        self.chosen = {pane.name: 0 for pane in PANES}  # places
        self.rates = Rates()
        self.message = ""  # what was done last, or why not
        self.faults: list[str] = []  # servers that do not answer
        self.question = ""  # to be answered with y, or not
        self.asked: Action | None = None  # what is done then
        self.help = False
        self.over = False

    # What is shown

    def look(self, now: float) -> None:
        """Ask all servers; one that is away is news, not the end. ``now`` is monotonic seconds."""
        self.faults = []
        functions = self.ask_all(FUNCTIONS)
        self.functions = self.rates.look(functions, now)
        self.show(FUNCTIONS, self.functions)
        if self.pane is not FUNCTIONS:
            self.show(self.pane, self.ask_all(self.pane))

    def ask_all(self, pane: Pane) -> list[Row]:
        """A pane's rows of every server."""
        rows: list[Row] = []
        for name, admin in self.servers.items():
            try:
                if name not in self.versions:
                    self.versions[name] = admin.version()
                rows += [{"server": name, **row} for row in pane.ask(admin, self.filter)]
            except GearmanError as error:
                if str(error) not in self.faults:
                    self.faults.append(str(error))
        return rows

    def show(self, pane: Pane, rows: list[Row]) -> None:
        """Have new rows; the chosen one stays the same as long as it is there."""
        key = self.key_of(pane, self.row(pane))
        places = [place for place, row in enumerate(rows) if self.key_of(pane, row) == key]
        self.rows[pane.name] = rows
        self.choose(pane, places[0] if places else self.chosen[pane.name])

    def row(self, pane: Pane) -> Row | None:
        """The chosen row; None where there is none."""
        rows = self.rows[pane.name]
        return rows[self.chosen[pane.name]] if rows else None

    def key_of(self, pane: Pane, row: Row | None) -> tuple[object, object] | None:
        return None if row is None else (row["server"], row[pane.key])

    def choose(self, pane: Pane, place: int) -> None:
        self.chosen[pane.name] = min(max(place, 0), max(len(self.rows[pane.name]) - 1, 0))

    def close(self) -> None:
        """End the connections."""
        for admin in self.servers.values():
            admin.close()

    # What is pressed

    def press(self, key: str) -> bool:
        """Do what a key means; whether the servers have to be asked again for it."""
        if self.asked is not None:
            return self.answer(key)
        self.message = ""
        if self.help and key != "q":
            self.help = False
            return False
        if key in MOVES:
            self.choose(self.pane, self.chosen[self.pane.name] + MOVES[key])
            return False
        action = KEYS.get(key)
        return False if action is None else action(self)

    def answer(self, key: str) -> bool:
        """Only ``y`` is yes."""
        action, self.asked, self.question = self.asked, None, ""
        if key not in ("y", "Y") or action is None:
            self.message = "nothing was done"
            return False
        return self.do(action)

    def do(self, action: Action) -> bool:
        """Do something to a server."""
        try:
            self.message = action()
        except GearmanError as error:
            self.message = str(error)
        return True

    def leave(self) -> bool:
        self.over = True
        return False

    def show_help(self) -> bool:
        self.help = True
        return False

    def turn(self, by: int) -> bool:
        """The next pane, or the one before."""
        self.pane = PANES[(PANES.index(self.pane) + by) % len(PANES)]
        return True

    def turn_to(self, pane: Pane) -> bool:
        self.pane = pane
        return True

    def enter(self) -> bool:
        """From a function to its jobs."""
        row = self.row(self.pane)
        if self.pane is not FUNCTIONS or row is None:
            return False
        self.filter = Filter(str(row["function"]), self.filter.state)
        self.chosen[JOBS.name] = 0
        return self.turn_to(JOBS)

    def escape(self) -> bool:
        """All jobs again, or back to the functions."""
        if self.pane is JOBS and self.filter != Filter():
            self.filter = Filter()
            return True
        return self.turn_to(FUNCTIONS)

    def next_state(self) -> bool:
        """Other jobs: any, running, queued, delayed."""
        if self.pane is not JOBS:
            return False
        following = STATES[(STATES.index(self.filter.state) + 1) % len(STATES)]
        self.filter = Filter(self.filter.function, following)
        return True

    def pause(self) -> bool:
        """Pause a function, or let it go on."""
        row = self.row(FUNCTIONS)
        if self.pane is not FUNCTIONS or row is None:
            return False
        stopped = row.get("paused") or row.get("draining")
        change = questions.resume if stopped else questions.pause
        return self.do(lambda: self.changed(row, change, "function", "resumed" if stopped else "paused"))

    def drain(self) -> bool:
        """Drain a worker, or let it go on."""
        row = self.row(WORKERS)
        if self.pane is not WORKERS or row is None:
            return False
        stopped = row.get("draining")
        change = questions.resume_workers if stopped else questions.drain_workers
        return self.do(lambda: self.changed(row, change, "number", "resumed" if stopped else "drained"))

    def cancel(self) -> bool:
        """Ask whether to cancel a job."""
        row = self.row(JOBS)
        if self.pane is not JOBS or row is None:
            return False
        self.question = f"Cancel {row['handle']}? (y/n)"
        self.asked = lambda: self.changed(row, questions.cancel, "handle", "cancelled")
        return False

    def changed(self, row: Row, change: Callable[[Admin, str], list[Row]], field: str, done: str) -> str:
        """Change something at a row's server; what to say of it."""
        target = str(row[field])
        found = change(self.servers[row["server"]], target)
        return f"{target}: {done}" if found else f"{target} is not there any more"


MOVES: Final = {
    "up": -1,
    "k": -1,
    "down": 1,
    "j": 1,
    "page up": -PAGE,
    "page down": PAGE,
    "home": -(10**9),
    "g": -(10**9),
    "end": 10**9,
    "G": 10**9,
}
"""By how many rows a key moves."""

KEYS: Final[dict[str, Callable[[Board], bool]]] = {
    "q": Board.leave,
    "?": Board.show_help,
    "h": Board.show_help,
    "right": lambda board: board.turn(1),
    "left": lambda board: board.turn(-1),
    "1": lambda board: board.turn_to(FUNCTIONS),
    "2": lambda board: board.turn_to(JOBS),
    "3": lambda board: board.turn_to(WORKERS),
    "enter": Board.enter,
    "escape": Board.escape,
    "p": Board.pause,
    "s": Board.next_state,
    "c": Board.cancel,
    "d": Board.drain,
}

HELP: Final = """\
 1 2 3, Tab, arrows   functions, jobs, workers
 up down, j k         choose a row; PgUp PgDn Home End (g G) too

 Functions   p        pause: hand out no jobs; again: resume
             Enter    its jobs
 Jobs        c        cancel the job, after a question
             s        any, running, queued or delayed jobs
             Esc      jobs of all functions; then back
 Workers     d        drain: no new jobs; again: resume

 ? or h               this page
 q, Ctrl-C            leave"""
