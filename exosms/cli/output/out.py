"""What a person or a script gets to see.

Standard output carries results, standard error everything else. Foreign text is escaped on its way out, so that
neither the network nor a CSV can repaint a terminal; rich gets it as ``Text``, never as markup.
"""

import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, TextIO, cast

from exosms.errors import ConfigError, ExosmsError, Interrupted
from exosms.sms.message import Problem, problem_of
from exosms.system.escaping import printable
from exosms.system.signals import Interrupts, NobodyReadsError, writing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Document = Mapping[str, Any]

_SIZES = {"COLUMNS", "LINES"}


class Format(StrEnum):
    """How results are printed."""

    AUTO = "auto"
    HUMAN = "human"
    PLAIN = "plain"
    JSON = "json"
    JSONL = "jsonl"


@dataclass(eq=False, repr=False)  # each method takes a tenth of a millisecond to define
class Out:
    """The two output streams of a command, and how they are to be used."""

    stdout: TextIO
    stderr: TextIO
    format: Format = Format.PLAIN
    quiet: bool = False
    verbose: bool = False
    command: str = ""
    """The command as its JSON documents call it."""
    arguments: Sequence[str] = ()
    """The words of the command line, without the program's name."""
    account_flags: Mapping[str, str] | None = None
    """What the command line says about the account, as the next command needs it; None before that is asked for."""
    goes_on: bool = False
    """Whether a result that cannot be printed stops nothing and changes no exit code, since messages went out."""
    has_document: bool = False
    """Whether the one JSON document was printed, or was begun and is printed piece by piece."""
    is_sandbox: bool = False
    """Whether the sandbox answers, which documents say."""
    has_lost: bool = False
    """Whether it was told that a result could not be printed."""
    unpaint: Callable[[], None] | None = None
    """Takes away the line that is painted on the terminal, if one is."""

    def __post_init__(self) -> None:
        self._traced: deque[str] = deque()
        for stream in (self.stdout, self.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:  # a stream that a caller put in place may have none
                reconfigure(errors="backslashreplace")
        if self.format is Format.AUTO:
            self.format = Format.HUMAN if self.stdout.isatty() else Format.PLAIN

    @property
    def is_human(self) -> bool:
        """Whether a person reads standard output."""
        return self.format is Format.HUMAN

    @property
    def is_seen_at_once(self) -> bool:
        """Whether a person sees results and errors on one screen, where saying a thing twice hides it."""
        return self.is_human and self.stdout.isatty() and self.stderr.isatty()

    @property
    def is_json(self) -> bool:
        """Whether a program reads standard output."""
        return self.format in {Format.JSON, Format.JSONL}

    def line(self, *cells: str) -> None:
        """Print one line of results, its cells separated by tabs."""
        self._write(self.stdout, "\t".join(map(printable, cells)))

    def sentence(self, text: str, *, indent: str = "", lead: str | None = None) -> None:
        """Print one line of results that a person reads, broken at words and indented; ``lead`` begins it instead."""
        self._say(self.stdout, (indent if lead is None else lead) + printable(text), indent=indent)

    def lines(self, lines: Iterable[Sequence[str]]) -> None:
        """Print lines of results at once; a line without cells is none."""
        texts = ["\t".join(map(printable, cells)) for cells in lines if cells]
        if texts:
            self._write(self.stdout, "\n".join(texts))

    def text(self, text: str) -> None:
        """Print a text: as it is for the next program of a pipe, without anything that steers it on a terminal."""
        self._carry_every_character()
        self._write(self.stdout, _printable_lines(text) if self.stdout.isatty() else text)

    def copy(self, write: Callable[[TextIO], None]) -> None:
        """Let a whole file be written to standard output, as ``text`` is printed."""
        self._carry_every_character()
        try:
            write(cast("TextIO", _Screen(self.stdout)) if self.stdout.isatty() else self.stdout)
            self.stdout.flush()
        except BrokenPipeError:
            detach(self.stdout)
        except OSError as error:
            self._lose(error)

    def _carry_every_character(self) -> None:
        """Have UTF-8 go to a file or a program, whatever the locale: an escape would be taken for text, and sent."""
        reconfigure = getattr(self.stdout, "reconfigure", None)
        if reconfigure is not None and not self.stdout.isatty():
            reconfigure(encoding="utf-8", errors="backslashreplace")

    def document(self, document: Document) -> None:
        """Print a JSON document; ASCII only, which no encoding and no terminal can misread."""
        self._write(self.stdout, _json(document))

    @property
    def sandbox_mark(self) -> Document:
        """What a document says where the sandbox answers."""
        return {"sandbox": True} if self.is_sandbox else {}

    def item(self, document: Document) -> None:
        """Print what became of one message as an object of JSON Lines."""
        self.document({**document, **self.sandbox_mark})

    @property
    def _head(self) -> Document:
        """What the one JSON document of every command begins with."""
        return {"schema": 1, "command": self.command}

    def result(self, **said: Any) -> None:
        """Print the one JSON document of the command; that of a run says itself which command it is of."""
        self.document({**self._head, **said})
        self.has_document = True

    def done(self, *cells: str, **said: Any) -> None:
        """Print what a command did: in JSON what is said, else a line."""
        if self.is_json:
            self.result(exit_code=0, **said, error=None)
        elif self.is_human and len(cells) > 1:
            self.sentence("  ".join(cells), lead="", indent="  ")
        else:
            self.line(*cells)

    def listing(self, name: str, documents: Iterable[Document]) -> None:
        """Print a list in JSON: one document that has it as ``name``, or an object a line."""
        if self.format is Format.JSON:
            self.result(exit_code=0, **{name: [*documents]}, error=None)
        else:
            for document in documents:
                self.document(document)

    def long_result(self, name: str, items: Iterable[Document], rest: Callable[[], Document]) -> None:
        """Print one JSON document whose list ``name`` has more items than belong into memory; ``rest`` follows it."""
        opening = f"{_json(self._head)[:-1]}, {_json(name)}: ["

        self.has_document = True

        def write(stream: TextIO) -> None:
            stream.write(opening)
            stream.writelines(", " * (place > 0) + _json(item) for place, item in enumerate(items))
            stream.write(f"], {_json(rest())[1:]}\n")

        self.copy(write)

    def draw(self, *renderables: "RenderableType") -> None:
        """Print what rich draws."""
        console = self._console()
        with console.capture() as capture:
            for renderable in renderables:
                console.print(renderable)
        self._write(self.stdout, "\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n")))

    def aside(self) -> "Out":
        """Return what draws on standard error."""
        return Out(self.stderr, self.stderr, Format.HUMAN, unpaint=self.unpaint)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self.tell(f"warning: {text}")

    def tell(self, text: str, *, is_needed: bool = False) -> None:
        """Print progress or a hint; when quiet only what is needed to know why a command failed."""
        if is_needed or not self.quiet:
            self._say(self.stderr, f"exosms: {printable(text)}", indent="  ")

    def paint(self, text: str) -> None:
        """Print what steers a terminal, on standard error; one that was closed meanwhile stops nothing."""
        self._put(self.stderr, text)

    def trace(self, text: str) -> None:
        """Print one line of what ``--verbose`` shows; what another thread says is kept until ``show_traced``.

        Whoever carries an answer waits for no reader, and a signal ends what the main thread writes, and only that.
        """
        if self.verbose:
            self._traced.append(text)
            if current_thread() is main_thread():
                self.show_traced()

    def show_traced(self) -> None:
        """Print what other threads had to show by now."""
        while self._traced:
            self._say(self.stderr, f"exosms: {printable(self._traced.popleft())}", indent="  ")

    def fail(self, text: str, *, remedy: str = "") -> None:
        """Print an error and its next step, also when quiet."""
        self._say(self.stderr, f"exosms: error: {printable(text)}", indent="  ")
        if remedy:
            self._say(self.stderr, f"  {printable(remedy)}", indent="  ")

    def failure(self, error: ExosmsError | Interrupted, **more: Any) -> None:
        """Print what ended a whole command early: a sentence, and with JSON the document as well."""
        self.fail(error.message, remedy=error.remedy)
        if self.is_json and not self.has_document:
            self.result(exit_code=int(error.exit_code), **more, error=error_document(error))

    def unless_lost(self, exit_code: int) -> int:
        """Return the exit code of a dry run: what it shows is all that was wanted, so it may not be lost."""
        return exit_code or (ConfigError.exit_code if self.has_lost else exit_code)

    @property
    def width(self) -> int:
        """The columns that a table may take."""
        return self._console().width

    def _console(self) -> "Console":
        from rich.console import Console

        width, height = _size_if_dumb(self.stdout)
        return Console(
            file=self.stdout,
            highlight=False,
            markup=False,
            emoji=False,
            color_system=None if os.environ.get("NO_COLOR") else "auto",  # with none, nothing is bold either
            legacy_windows=False,
            width=width,
            height=height,
            _environ=_usable_environ(),
        )

    def _say(self, stream: TextIO, text: str, *, indent: str) -> None:
        if stream.isatty():
            from exosms.cli.output.sentences import broken

            text = broken(text, stream, indent=indent)
        self._write(stream, text)

    def _write(self, stream: TextIO, text: str) -> None:
        """Write whole lines; a reader that went away or a full disk changes nothing about what was sent."""
        if self.unpaint is not None and (stream is self.stderr or stream.isatty()):
            self.unpaint()
        self._put(stream, text + "\n")

    def _put(self, stream: TextIO, text: str) -> None:
        try:
            with writing(stream):
                stream.write(text)
                stream.flush()
        except BrokenPipeError:
            detach(stream)
        except NobodyReadsError as error:
            detach(stream)  # or the next attempt to write what is left would wait as well
            if stream is self.stderr:
                return
            if not self.goes_on and Interrupts.current:
                Interrupts.current.check()
            self._lose(error)
        except OSError as error:
            if stream is self.stderr:
                detach(stream)
            else:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Tell, once, that results are lost; raises OutputLostError where they were all that was wanted."""
        if self.goes_on:
            lose(error, self.stdout, self.stderr, is_news=not self.has_lost)
            self.has_lost = True
            return
        detach(self.stdout)
        raise OutputLostError(error) from error


class _Screen(io.TextIOBase):
    """A terminal, for what is written as into a file."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def write(self, text: str) -> int:
        """Write whole characters, of which none steers the terminal."""
        return self._terminal.write(_printable_lines(text))


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


class OutputLostError(ConfigError):
    """What a command found out could not be written to standard output."""

    def __init__(self, error: OSError) -> None:
        super().__init__(_lost(error), remedy="Free some disk space, then run it again.")


def _json(value: object) -> str:
    import json

    return json.dumps(value).replace("\x7f", "\\u007f")


def lose(error: OSError, stdout: TextIO, stderr: TextIO, *, is_news: bool = True) -> None:
    """Take it that what was printed is lost, and say so to whoever can still be told and does not know it."""
    for stream in (stdout, stderr):
        try:
            stream.flush()
        except OSError:
            detach(stream)
    if is_news and not isinstance(error, BrokenPipeError):
        Out(stdout, stderr).fail(_lost(error))


def _lost(error: OSError) -> str:
    from exosms.system.files import why_unwritten

    return f"the result could not be written: {why_unwritten(error)}"


def _size_if_dumb(stream: TextIO) -> tuple[int | None, int | None]:
    """Return columns and lines of a terminal that rich takes for 80 by 25; None leaves them to rich."""
    if os.environ.get("TERM") != "dumb" or "COLUMNS" in _usable_environ() or not stream.isatty():
        return None, None
    size = os.get_terminal_size(stream.fileno())
    return size.columns or None, size.lines or None


def _usable_environ() -> Mapping[str, str]:
    """Return the environment without sizes that are none: in 0 columns rich shows nothing at all."""
    return {name: value for name, value in os.environ.items() if name not in _SIZES or _is_size(value)}


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def detach(stream: TextIO) -> None:
    """Point a dead stream at nothing, or the interpreter would complain about it on its way out."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def error_document(error: ExosmsError | Interrupted) -> Document:
    """Return an error of our own with the keys that every error has."""
    return problem_document(problem_of(error))


def problem_document(problem: Problem) -> Document:
    """Return what went wrong with the keys that every error has."""
    return {
        "kind": problem.kind,
        "http_status": problem.http_status,
        "code": problem.code,
        "message": problem.message,
        "meaning": problem.meaning,
        "remedy": problem.remedy,
        "retry": problem.retry,
    }
