"""The command line: one file a verb; words in, one call of ``Archive``, words out."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Any

import click

from casearchive import __version__
from casearchive.errors import EXIT_CODES, CaseArchiveError

VERBS = (
    "init", "ingest", "new", "annotate", "edit", "remove", "lint", "list", "search", "similar", "vocabulary", "show",
    "measure", "set", "review", "export", "verify", "verify-export", "reindex", "backup", "restore", "stats", "log",
    "who",
)  # fmt: skip

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
_EPILOG += "\n\n\b\nExample:\n  casearchive --archive my-archive search left hamstring tear"


class Verbs(click.Group):
    """Loads a verb's file when the verb is called, and turns errors into a line and a promised exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS]  # not list(): once its file is loaded, that name here is the verb

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = import_module(f"casearchive.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except click.exceptions.Exit as stop:
            code = stop.exit_code
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except CaseArchiveError as error:
            from casearchive.cli._talk import complain

            complain(error)
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("Interrupted; the archive is consistent: run the same again to go on.", err=True)
            code = 130
        except BrokenPipeError:
            # the reader of our output (head, less) has gone; Python must not complain about it while ending
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except UnicodeEncodeError:
            # a byte of the command line that is no letter; paths may hold such bytes, texts may not
            click.echo(
                "Error: there is a character here that cannot be written down; nothing was changed", err=True
            )
            code = 2
        except OSError as error:
            from casearchive.cli._talk import complain
            from casearchive.disk import refused

            complain(refused(error))
            code = 1
        except Exception as error:  # noqa: BLE001 the last border: one line, no traceback, which may name a patient
            click.echo(f"Error: {_ours(error)}", err=True)
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.option(
    "--archive",
    metavar="DIR",
    help="The archive. Else $CASEARCHIVE_HOME, else the one that the working directory lies in.",
)
@click.option("--json", "as_json", is_flag=True, help="Print data as JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Say more (on standard error).")
@click.option("-q", "--quiet", is_flag=True, help="Say only what is needed.")
@click.version_option(__version__, prog_name="casearchive")
@click.pass_context
def cli(ctx: click.Context, archive: str | None, as_json: bool, verbose: bool, quiet: bool) -> None:
    """An archive for ultrasound teaching cases: take clips in, find cases by finding, let teaching sets out
    without identity.

    Data goes to standard output, talk and progress to standard error. Frames count from 1.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    from casearchive.cli._talk import State, colourless

    if colourless():
        ctx.color = False

    ctx.obj = State(archive, as_json, verbose, quiet)


def _ours(error: Exception) -> str:
    """What to report of an error that should not be: its kind and its place in the program, never a value."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename.replace(os.sep, "/")
        if "/casearchive/" in file:
            place = f" at {file.rpartition('/casearchive/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return (
        f"an error of casearchive's own ({type(error).__name__}{place})\n"
        "  What was said to be done is done. Please report this line."
    )


def _open_streams() -> None:
    """Give the three streams somewhere to go where they are closed: the next file opened would take their place, and
    whatever a library prints would be written into it."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def _written_out() -> bool:
    """Whether all that was said has been written; what cannot be is let go, for Python would complain while it ends."""
    whole = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            whole = whole and isinstance(error, BrokenPipeError)  # its reader had read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return whole


def main() -> None:
    """The program."""
    os.umask(0o077)  # whatever it writes, archives and exports alike, is its owner's alone
    _open_streams()
    # A command makes much that stays and little that is thrown away: looking for the latter every 700 objects, as
    # Python does by itself, costs a short command a twentieth of its time.
    gc.set_threshold(50_000)
    code: Any = 0
    try:
        cli(prog_name="casearchive")
    except SystemExit as stop:
        code = stop.code
    except OSError:  # what went wrong could not even be said
        code = 1
    sys.exit(code if _written_out() else code or 1)
